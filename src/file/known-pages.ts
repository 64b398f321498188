import type { PageSet, Places, Run } from './contract';
import { checkEntry, VectorPageSet } from './page-set';
import type { Pages } from './pages';
import { placesOf } from './places';
import { notResident } from './read-errors';

/** Vectors of more entries than this cost so much that the short way saves nothing. */
const SHORT = 256;

/**
 * The answer to a short vector of pages if verdicts on all of them still stand, else undefined: then, or when a number is wrong, the whole way has to be
 * gone. Nobody but the board is asked, and nothing is made that is not needed. `file` is held as long as the answer.
 */
export function knownPages(vector: Iterable<number | Run> | Uint32Array, pages: Pages, file: object): PageSet | undefined {
  if (!pages.watching) return undefined;
  let numbers: number[] | undefined;
  if (vector instanceof Uint32Array) {
    if (vector.length <= SHORT) numbers = pages.known(vector);
  } else if (Array.isArray(vector) && vector.length <= SHORT) {
    numbers = pages.knownOf(vector);
  }
  if (numbers === undefined) return undefined;
  pages.counts.boardHits += numbers.length;
  return new KnownPageSet(pages, numbers, file);
}

/** Pages that were all known to be resident when they were asked for. */
class KnownPageSet implements PageSet {
  readonly length: number;
  readonly #pages: Pages;
  readonly #numbers: readonly number[];

  constructor(
    pages: Pages,
    numbers: readonly number[],
    readonly file: object,
  ) {
    this.length = numbers.length;
    this.#pages = pages;
    this.#numbers = numbers;
  }

  get hits(): number {
    return this.length;
  }

  get misses(): number {
    return 0;
  }

  get complete(): boolean {
    return true;
  }

  isHit(entry: number): boolean {
    checkEntry(entry, this.length);
    return true;
  }

  bytes(entry: number): Uint8Array {
    checkEntry(entry, this.length);
    const pages = this.#pages;
    pages.assertOpen();
    const page = this.#numbers[entry] as number;
    const offset = page * pages.pageSize;
    const bytes = pages.range(offset, Math.min(pages.pageSize, pages.size - offset), page, 1, 'board');
    if (bytes === undefined) throw notResident(entry, offset, pages.path, true);
    return bytes;
  }

  places(): Places {
    return placesOf(this);
  }

  get arrived(): Promise<PageSet> {
    return Promise.resolve(this);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<number, void, undefined> {
    if (this.#pages.closed) {
      for (let entry = 0; entry < this.length; entry++) yield entry;
      return;
    }
    // What has left since is fetched again, and what the file does not reach any more fails entry by entry.
    const first = Float64Array.from(this.#numbers);
    const vector = { length: this.length, first, count: new Float64Array(this.length).fill(1) };
    yield* new VectorPageSet(this.#pages, vector, {}, this.file);
  }
}
