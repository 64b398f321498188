import type { ByteRange, ResidencyMap, ResidencyRun } from './contract';
import type { Pages } from './pages';
import { pagesOf } from './vector';

/** Asks, on a thread, what of a checked byte range is in memory. */
export async function residencyMap(pages: Pages, range: ByteRange): Promise<ResidencyMap> {
  pages.assertOpen();
  const { pageSize } = pages;
  const firstPage = Math.floor(range.offset / pageSize);
  const { known, lengths } = await pages.native.residencyMap(firstPage, pagesOf(range.offset, range.length, pageSize));
  const runs = known
    ? new Runs(range, pageSize, firstPage, lengths)
    : [{ ...range, state: 'unknown' as const }].filter((run) => run.length > 0);
  let residentBytes = 0;
  for (const run of runs) if (run.state === 'resident') residentBytes += run.length;
  return { size: range.length, pageSize, residentBytes, unknownBytes: known ? 0 : range.length, runs };
}

/** Runs in bytes over lengths in pages that alternate between missing and resident: a map of a whole disk stays small. */
class Runs implements Iterable<ResidencyRun> {
  readonly #range: ByteRange;
  readonly #pageSize: number;
  readonly #firstPage: number;
  readonly #lengths: Float64Array;

  constructor(range: ByteRange, pageSize: number, firstPage: number, lengths: Float64Array) {
    this.#range = range;
    this.#pageSize = pageSize;
    this.#firstPage = firstPage;
    this.#lengths = lengths;
  }

  *[Symbol.iterator](): Iterator<ResidencyRun> {
    const start = this.#range.offset;
    const end = start + this.#range.length;
    let page = this.#firstPage;
    for (const [i, length] of this.#lengths.entries()) {
      const from = Math.max(start, page * this.#pageSize);
      page += length;
      const to = Math.min(end, page * this.#pageSize);
      if (to > from) yield { offset: from, length: to - from, state: i % 2 === 0 ? 'missing' : 'resident' };
    }
  }
}
