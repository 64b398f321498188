import { invalidArgument } from '../errors';
import type { ByteRange } from '../file/contract';

/** Pages as the edges of sorted runs that neither overlap nor touch: the first page of each, and the one behind its last. */
export type PageRanges = readonly number[];

/** The ranges, checked and copied; throws `INVALID_ARGUMENT`. */
export function checkRanges(ranges: unknown, what: string): ByteRange[] {
  if (typeof ranges !== 'object' || ranges === null || !(Symbol.iterator in ranges)) {
    throw invalidArgument(what, 'an iterable of byte ranges { offset, length }', ranges);
  }
  return Array.from(ranges as Iterable<unknown>, (range, index) => {
    const { offset, length } = typeof range === 'object' && range !== null ? (range as ByteRange) : { offset: -1, length: -1 };
    const fine = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
    if (!fine || !Number.isSafeInteger(offset + length)) {
      throw invalidArgument(`${what}[${index}]`, 'a byte range { offset, length } of whole numbers, neither of them negative', range);
    }
    return { offset, length };
  });
}

/** Pages that ranges touch (`'touched'`), or that lie in them as far as the file goes (`'whole'`). Without ranges, all of the file. */
export function pageRanges(
  ranges: readonly ByteRange[] | undefined,
  size: number,
  pageSize: number,
  which: 'touched' | 'whole',
): PageRanges {
  const pages = Math.ceil(size / pageSize);
  if (ranges === undefined) return pages === 0 ? [] : [0, pages];
  const runs: [number, number][] = [];
  for (const { offset, length } of ranges) {
    const end = Math.min(size, offset + length);
    if (length === 0 || offset >= end) continue;
    const first = which === 'touched' ? Math.floor(offset / pageSize) : Math.ceil(offset / pageSize);
    const behind = which === 'touched' || end === size ? Math.ceil(end / pageSize) : Math.floor(end / pageSize);
    if (first < behind) runs.push([first, behind]);
  }
  runs.sort(([a], [b]) => a - b);
  const edges: number[] = [];
  for (const [first, behind] of runs) {
    if (edges.length > 0 && first <= (edges.at(-1) as number)) edges[edges.length - 1] = Math.max(behind, edges.at(-1) as number);
    else edges.push(first, behind);
  }
  return edges;
}

/** Bytes of runs of pages. The last page of the file counts only as far as the file goes. */
export function bytesIn(edges: ArrayLike<number>, size: number, pageSize: number): number {
  let bytes = 0;
  for (let i = 0; i < edges.length; i += 2) {
    bytes += Math.min(size, (edges[i + 1] as number) * pageSize) - Math.min(size, (edges[i] as number) * pageSize);
  }
  return bytes;
}

/** The pages of both. */
export function intersection(a: ArrayLike<number>, b: ArrayLike<number>): number[] {
  const edges: number[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const first = Math.max(a[i] as number, b[j] as number);
    const behind = Math.min(a[i + 1] as number, b[j + 1] as number);
    if (first < behind) edges.push(first, behind);
    if ((a[i + 1] as number) < (b[j + 1] as number)) i += 2;
    else j += 2;
  }
  return edges;
}
