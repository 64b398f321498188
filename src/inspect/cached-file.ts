import {
  addon,
  type BroughtIn,
  type CachedFileHandle,
  type Dropped,
  type NativeCachedFile,
  type PageMap,
  type SystemError,
} from '../native';
import type { FileName } from './contract';
import { notOnDisk, notRegular, refusalOf } from './failures';
import { fileName, type Name } from './names';

/** An open file whose pages are brought in and dropped, all on threads. */
export class CachedFile {
  readonly size: number;
  /** As `major:minor`. */
  readonly device: string;
  readonly #handle: CachedFileHandle;

  private constructor({ handle, size, device }: NativeCachedFile) {
    this.#handle = handle;
    this.size = size;
    this.device = device;
  }

  /** Rejects with `IO` or `UNSUPPORTED`. With a root, nothing outside of it is opened. */
  static async open(name: Name, root?: Name): Promise<CachedFile> {
    const path = fileName(name);
    try {
      const file = await addon().openCached(name.bytes, root?.bytes);
      if (!file.interface) return new CachedFile(file);
      addon().closeCached(file.handle);
    } catch (error) {
      throw failureOf(path, error);
    }
    throw notOnDisk(path);
  }

  residency(first: number, count: number): Promise<PageMap> {
    return addon().residencyOf(this.#handle, first, count);
  }

  /** Pages between two that are neither in memory nor holes. */
  missing(from: number, to: number): Promise<{ readonly edges: Float64Array; readonly reached: number }> {
    return addon().missing(this.#handle, from, to);
  }

  /** In order, the kernel reads ahead, beyond the last run, too: once at a time, and no other call beside it. */
  bringIn(edges: Float64Array, inOrder: boolean): Promise<BroughtIn> {
    return addon().bringIn(this.#handle, edges, inOrder);
  }

  drop(first: number, count: number, flush: boolean): Promise<Dropped> {
    return addon().drop(this.#handle, first, count, flush);
  }

  close(): void {
    addon().closeCached(this.#handle);
  }
}

function failureOf(path: FileName, error: unknown): Error {
  const { mode } = error as SystemError & { mode?: number };
  return mode === undefined ? refusalOf(path, error) : notRegular(path, mode);
}
