import { invalidArgument, NofaultError } from '../errors';
import { MARKED, MISSING } from '../native/file';
import type { ByteRange, GetOptions } from './contract';
import { VectorPageSet } from './page-set';
import type { Pages } from './pages';
import { checkBytes, lengthOf, rangeVector, selected, startOf, type Vector } from './vector';

/** Bytes that are read at once without waiting. */
const MOST_AT_ONCE = 1 << 20;

let spare: Uint8Array | undefined;

/** Memory to read into before it is known whether everything is here. */
function scratch(length: number): Uint8Array {
  if (spare === undefined || spare.length < length) spare = new Uint8Array(Math.max(length, 1 << 16));
  return spare.subarray(0, length);
}

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

  /** Copies everything if everything is resident now, else nothing: bytes copied, or undefined. Throws when a page is marked. Counted as one entry. */
  now(): number | undefined {
    const pages = this.#pages;
    const { length, first, count } = this.#vector;
    const states = new Uint8Array(length);
    const byBoard = pages.askOpen(first, count, states, pages.standing(false));
    const marked = states.indexOf(MARKED);
    if (marked >= 0) throw pages.markError(first[marked] as number, count[marked] as number);
    const now = pages.native.readsNow && this.total <= MOST_AT_ONCE;
    if (states.includes(MISSING) || !(now ? this.#readNow() : this.#copyNow())) {
      pages.counts.missed(1, 1);
      return undefined;
    }
    if (byBoard === length) pages.counts.boardHits++;
    else pages.counts.kernelHits++;
    return this.total;
  }

  /** Reads everything in a way that cannot wait, then gives it to the buffers; false when some of it has left meanwhile. */
  #readNow(): boolean {
    const bytes = scratch(this.total);
    let from = 0;
    for (let i = 0; i < this.#pieces.length; i++) {
      const length = lengthOf(this.#vector, i, this.#pages);
      if (!this.#pages.readNow(startOf(this.#vector, i, this.#pages), bytes.subarray(from, from + length))) return false;
      from += length;
    }
    from = 0;
    for (let i = 0; i < this.#pieces.length; i++) {
      const length = lengthOf(this.#vector, i, this.#pages);
      this.#put(i, 0, bytes.subarray(from, from + length));
      from += length;
    }
    return true;
  }

  /** Copies everything from the mapping, where it has just been found. */
  #copyNow(): boolean {
    const views: Uint8Array[] = [];
    for (let i = 0; i < this.#vector.length; i++) {
      const view = this.#pages.view(this.#vector, i);
      if (view === undefined) return false;
      views.push(view);
    }
    this.#pages.touching(() => {
      for (const [i, view] of views.entries()) this.#put(i, 0, view);
    });
    let end = 0;
    for (let i = 0; i < views.length; i++) end = Math.max(end, this.#endOf(i));
    this.#pages.assertReaches(end);
    return true;
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
          if (bytes === undefined || !this.#take(i, bytes)) left.push(i);
        }
      } catch (error) {
        // What has not been read is of no use to anybody now.
        set.fail(error);
        throw error;
      }
    }
    return this.total;
  }

  /** Copies one piece that is here; false when some of it has left meanwhile. */
  #take(i: number, view: Uint8Array): boolean {
    const pages = this.#pages;
    if (!pages.native.readsNow) {
      pages.touching(() => this.#put(i, 0, view));
      pages.assertReaches(this.#endOf(i));
      return true;
    }
    const start = startOf(this.#vector, i, pages);
    const length = lengthOf(this.#vector, i, pages);
    for (let at = 0; at < length; at += MOST_AT_ONCE) {
      const bytes = scratch(Math.min(MOST_AT_ONCE, length - at));
      if (!pages.readNow(start + at, bytes)) return false;
      this.#put(i, at, bytes);
    }
    return true;
  }

  #endOf(i: number): number {
    return startOf(this.#vector, i, this.#pages) + lengthOf(this.#vector, i, this.#pages);
  }

  #put(i: number, from: number, bytes: Uint8Array): void {
    const { target, at, length } = this.#pieces[i] as Piece;
    if (target.byteLength !== length) {
      throw new NofaultError('INVALID_ARGUMENT', `a buffer of ${length} bytes was transferred or resized while it was being read into`, {
        path: this.#pages.path,
      });
    }
    new Uint8Array(target.buffer, target.byteOffset + at + from, bytes.length).set(bytes);
  }
}
