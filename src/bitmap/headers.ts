import { NofaultError } from '../errors';
import type { GetOptions } from '../file/contract';
import type { MappedFile } from '../file/mapped-file';
import { addon, type NativeHeader, type SystemError } from '../native';
import { bytesOf } from './arrived';
import { damaged } from './damage';
import type { BitmapRef } from './format';
import { loopsTurn } from './slices';

/** Headers that are kept beyond the scan that read them, in bytes of memory. */
const KEPT = 64 * 2 ** 20;

/** Headers that the bitmaps of one tree may have, in bytes of memory. */
const MOST = 512 * 2 ** 20;

/** Bitmaps whose headers are asked for in one vector. */
const AT_ONCE = 512;

const CHUNK = 65_536;

/**
 * The headers of an index's bitmaps: read once, checked, and kept, those that were used last.
 */
export class Headers {
  readonly #file: MappedFile;
  readonly #rowCount: number;
  /** By the bitmap's offset; the least recently used come first. */
  readonly #kept = new Map<number, NativeHeader>();
  #bytes = 0;
  #empty: NativeHeader | undefined;

  constructor(file: MappedFile, rowCount: number) {
    this.#file = file;
    this.#rowCount = rowCount;
  }

  /** The headers, if all of them are kept or in memory; else undefined. Throws `BAD_FORMAT`. */
  now(refs: readonly BitmapRef[]): NativeHeader[] | undefined {
    const headers: NativeHeader[] = [];
    for (const ref of refs) {
      const header = this.#known(ref) ?? this.#read(ref);
      if (header === undefined) return undefined;
      headers.push(header);
    }
    return headers;
  }

  /** The headers, read where they are not kept. Rejects with `BAD_FORMAT`, and with `LIMIT` when they take too much memory. */
  async all(refs: readonly BitmapRef[], options: GetOptions): Promise<NativeHeader[]> {
    const headers = refs.map((ref) => this.#known(ref));
    let memory = 0;
    for (const ref of refs) {
      memory += 16 * ref.containers;
      if (memory > MOST) throw tooMuch(this.#file.path);
    }
    let open = headers.flatMap((header, i) => (header === undefined ? [{ i, bytes: likelyLength(refs[i] as BitmapRef) }] : []));
    while (open.length > 0) {
      const again: typeof open = [];
      for (let from = 0; from < open.length; from += AT_ONCE) {
        const asked = open.slice(from, from + AT_ONCE);
        const ranges = asked.map(({ i, bytes }) => ({ offset: (refs[i] as BitmapRef).offset, length: bytes }));
        const set = this.#file.getRanges(ranges, options);
        for await (const entry of set) {
          const turn = loopsTurn();
          if (turn) await turn;
          const { i } = asked[entry] as { i: number };
          const ref = refs[i] as BitmapRef;
          // Somebody else may have waited for it, too.
          headers[i] = this.#known(ref);
          if (headers[i] !== undefined) continue;
          const marks = addon().marksMade();
          const bytes = bytesOf(set, entry);
          if (bytes === undefined) {
            again.push(asked[entry] as { i: number; bytes: number });
            continue;
          }
          const header = this.#parse(bytes, ref);
          if (addon().marksMade() !== marks) {
            again.push(asked[entry] as { i: number; bytes: number });
            continue;
          }
          this.#file.assertReaches(ref.offset + bytes.length);
          if (header instanceof Error) throw header;
          if (header.needed > 0) again.push({ i, bytes: header.needed });
          else headers[i] = this.#keep(ref, header);
        }
      }
      open = again;
    }
    return headers as NativeHeader[];
  }

  #known(ref: BitmapRef): NativeHeader | undefined {
    if (ref.containers === 0) {
      this.#empty ??= new (addon().Header)(Buffer.from([0x3a, 0x30, 0, 0, 0, 0, 0, 0]), 8);
      return this.#empty;
    }
    const header = this.#kept.get(ref.offset);
    if (header === undefined) return undefined;
    this.#kept.delete(ref.offset);
    this.#kept.set(ref.offset, header);
    return header;
  }

  #read(ref: BitmapRef): NativeHeader | undefined {
    const marks = addon().marksMade();
    for (let bytes = likelyLength(ref); ; ) {
      const view = this.#file.tryRange(ref.offset, bytes);
      if (view === undefined) return undefined;
      const header = this.#parse(view, ref);
      if (addon().marksMade() !== marks) return undefined;
      this.#file.assertReaches(ref.offset + view.length);
      if (header instanceof Error) throw header;
      if (header.needed === 0) return this.#keep(ref, header);
      bytes = header.needed;
    }
  }

  /** What these bytes are, or what is wrong with them. */
  #parse(bytes: Uint8Array, ref: BitmapRef): NativeHeader | NofaultError {
    const { path } = this.#file;
    const header = parse(bytes, ref.offset, ref.length, path);
    if (header instanceof Error || header.needed > 0) return header;
    if (header.containers !== ref.containers || header.cardinality !== ref.cardinality) {
      return damaged(
        path,
        ref.offset,
        `it has ${header.cardinality} rows in ${header.containers} chunks, and should have ${ref.cardinality} in ${ref.containers}`,
      );
    }
    if (header.lastChunk * CHUNK + header.inLastChunk > this.#rowCount) {
      return damaged(path, ref.offset, `it has more rows than the index, which has ${this.#rowCount}`);
    }
    return header;
  }

  #keep(ref: BitmapRef, header: NativeHeader): NativeHeader {
    this.#kept.set(ref.offset, header);
    this.#bytes += header.memory;
    for (const [offset, { memory }] of this.#kept) {
      if (this.#bytes <= KEPT) break;
      this.#kept.delete(offset);
      this.#bytes -= memory;
    }
    return header;
  }
}

/** The header that these bytes are, which may need more of them, or what is wrong. `offset` and `length` are the bitmap's. */
export function parse(bytes: Uint8Array, offset: number, length: number, path: string): NativeHeader | NofaultError {
  try {
    return new (addon().Header)(bytes, length);
  } catch (error) {
    const { message, offset: within = 0 } = error as SystemError;
    return damaged(path, offset + within, message);
  }
}

/** Bytes of the header, nearly always: of more runs than one expects it takes a little less, of very short ones more. */
function likelyLength({ length, containers }: BitmapRef): number {
  return Math.min(length, 8 + Math.ceil(containers / 8) + 8 * containers);
}

function tooMuch(path: string): NofaultError {
  return new NofaultError(
    'LIMIT',
    `the headers of the bitmaps that this expression needs take more than ${MOST / 2 ** 20} MiB of memory: ask for fewer values at once`,
    { path },
  );
}
