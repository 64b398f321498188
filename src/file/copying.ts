import { invalidArgument, NofaultError } from '../errors';
import type { ByteRange, GetOptions } from './contract';
import { VectorPageSet } from './page-set';
import type { Pages } from './pages';
import { checkBytes, rangeVector, selected, type Vector } from './vector';

/** Where one entry's bytes go. */
interface Piece {
  readonly target: ArrayBufferView;
  /** Bytes from the target's start. */
  readonly at: number;
  /** The target's bytes when the call began. */
  readonly length: number;
}

/** A scatter-gather copy: buffer i is filled from byte `positions[i]` of the file on. */
export class Copy {
  /** Bytes in all. */
  readonly total: number;
  readonly #pages: Pages;
  readonly #pieces: Piece[] = [];
  readonly #vector: Vector;

  /** Checks the arguments, and cuts what is longer than an entry. */
  constructor(pages: Pages, into: ArrayBufferView[], positions: number[]) {
    if (!Array.isArray(into)) throw invalidArgument('into', 'an array of buffers', into);
    if (!Array.isArray(positions)) throw invalidArgument('positions', 'an array of byte offsets', positions);
    if (into.length !== positions.length) {
      throw invalidArgument('positions', `as long as into (${into.length})`, `an array of ${positions.length}`);
    }
    const ranges: ByteRange[] = [];
    let total = 0;
    for (const [i, target] of into.entries()) {
      if (!ArrayBuffer.isView(target)) throw invalidArgument(`into[${i}]`, 'a Buffer, typed array or DataView', target);
      const offset = positions[i] as number;
      const length = target.byteLength;
      checkBytes(offset, length, `positions[${i}]`, pages);
      for (let at = 0; at < length; at += pages.longestEntry) {
        ranges.push({ offset: offset + at, length: Math.min(pages.longestEntry, length - at) });
        this.#pieces.push({ target, at, length });
      }
      total += length;
    }
    this.total = total;
    this.#pages = pages;
    this.#vector = rangeVector(ranges, pages);
  }

  /** Copies everything if everything is resident now, else nothing: bytes copied, or undefined. */
  now(): number | undefined {
    if (this.#pages.ask(this.#vector).hits < this.#vector.length) return undefined;
    const views: Uint8Array[] = [];
    for (let i = 0; i < this.#vector.length; i++) {
      const view = this.#pages.view(this.#vector, i);
      if (view === undefined) return undefined;
      views.push(view);
    }
    for (const [i, view] of views.entries()) this.#put(i, view);
    return this.total;
  }

  /** Copies what is here, and the rest as it arrives. */
  async all(options: GetOptions, file: object): Promise<number> {
    this.#pages.assertOpen();
    options.signal?.throwIfAborted();
    let left = Array.from(this.#pieces.keys());
    while (left.length > 0) {
      const asked = left;
      left = [];
      const set = new VectorPageSet(this.#pages, selected(this.#vector, asked), options, file);
      try {
        for await (const entry of set) {
          const i = asked[entry] as number;
          const bytes = set.tryBytes(entry);
          if (bytes) this.#put(i, bytes);
          else left.push(i);
        }
      } catch (error) {
        // What has not been read is of no use to anybody now.
        set.fail(error);
        throw error;
      }
    }
    return this.total;
  }

  #put(i: number, bytes: Uint8Array): void {
    const { target, at, length } = this.#pieces[i] as Piece;
    if (target.byteLength !== length) {
      throw new NofaultError('INVALID_ARGUMENT', `a buffer of ${length} bytes was transferred or resized while it was being read into`, {
        path: this.#pages.path,
      });
    }
    new Uint8Array(target.buffer, target.byteOffset + at, bytes.length).set(bytes);
  }
}
