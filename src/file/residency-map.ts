import type { PageMap } from '../native';
import type { ByteRange, ResidencyMap, ResidencyRun } from './contract';
import type { Pages } from './pages';
import { pagesOf } from './vector';

/** Asks, on a thread, what of a checked byte range is in memory. */
export async function residencyMap(pages: Pages, range: ByteRange): Promise<ResidencyMap> {
  pages.assertOpen();
  const { pageSize } = pages;
  const firstPage = Math.floor(range.offset / pageSize);
  const map = await pages.native.residencyMap(firstPage, pagesOf(range.offset, range.length, pageSize));
  return mapOf(range, pageSize, map);
}

/** A map in bytes of the pages that a range touches. The first and the last one count only as far as the range goes. */
export function mapOf(range: ByteRange, pageSize: number, map: PageMap): ResidencyMap {
  const { length: size } = range;
  if (!map.known) {
    const runs = size === 0 ? [] : [{ ...range, state: 'unknown' as const }];
    return { size, pageSize, residentBytes: 0, unknownBytes: size, runs };
  }
  const end = range.offset + size;
  const [before, behind] = [range.offset % pageSize, (pageSize - (end % pageSize)) % pageSize];
  let residentBytes = map.residentPages * pageSize;
  // An empty first run: the file begins with a resident one.
  if (size > 0 && map.lengths[0] === 0) residentBytes -= before;
  if (map.lastResident) residentBytes -= behind;
  return { size, pageSize, residentBytes, unknownBytes: 0, runs: new Runs(range, pageSize, map) };
}

/** Runs in bytes over those in pages, which are read as they are needed: a map of a whole disk stays small. */
class Runs implements Iterable<ResidencyRun> {
  readonly #range: ByteRange;
  readonly #pageSize: number;
  readonly #map: PageMap;

  constructor(range: ByteRange, pageSize: number, map: PageMap) {
    this.#range = range;
    this.#pageSize = pageSize;
    this.#map = map;
  }

  *[Symbol.iterator](): Iterator<ResidencyRun> {
    const start = this.#range.offset;
    const end = start + this.#range.length;
    let page = Math.floor(start / this.#pageSize);
    let state: ResidencyRun['state'] = 'missing';
    for (const pages of lengthsOf(this.#map)) {
      const from = Math.max(start, page * this.#pageSize);
      page += pages;
      const to = Math.min(end, page * this.#pageSize);
      if (to > from) yield { offset: from, length: to - from, state };
      state = state === 'missing' ? 'resident' : 'missing';
    }
  }
}

/** LEB128: seven bits a byte, the lowest first; the highest bit says that more follow. Sums, for a length may take more than 32 bits. */
function* lengthsOf({ lengths }: PageMap): Generator<number, void, undefined> {
  let [value, unit] = [0, 1];
  for (const byte of lengths) {
    value += (byte & 0x7f) * unit;
    unit *= 0x80;
    if (byte >= 0x80) continue;
    yield value;
    [value, unit] = [0, 1];
  }
}
