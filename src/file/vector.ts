import { invalidArgument, NofaultError, show } from '../errors';
import type { ByteRange, Run } from './contract';

/** The shape of a file that vectors are checked against. */
export interface Extent {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly pageSize: number;
  readonly pageCount: number;
  /** Bytes of the longest entry. */
  readonly longestEntry: number;
}

/** A checked vector: entry i covers `count[i]` pages from `first[i]` on. */
export interface Vector {
  readonly length: number;
  readonly first: Float64Array;
  /** Pages; 0 only for an entry of no bytes. */
  readonly count: Float64Array;
  /** Of byte ranges only: where each entry starts, and how long it is, in bytes. */
  readonly bytes?: { readonly offset: Float64Array; readonly length: Float64Array };
}

/** Entries of one vector at most: their numbers alone take a GiB then. */
const MOST_ENTRIES = 2 ** 26;

/** Where entry i of a vector starts, in bytes. */
export function startOf(vector: Vector, i: number, extent: Extent): number {
  return vector.bytes ? (vector.bytes.offset[i] as number) : (vector.first[i] as number) * extent.pageSize;
}

/** The bytes of entry i of a vector; the last page ends with the file. */
export function lengthOf(vector: Vector, i: number, extent: Extent): number {
  if (vector.bytes) return vector.bytes.length[i] as number;
  return Math.min((vector.count[i] as number) * extent.pageSize, extent.size - startOf(vector, i, extent));
}

const PAGES = 'an iterable of page numbers and runs { first, count }, or a Uint32Array of page numbers';
const RANGES = 'an iterable of byte ranges { offset, length }, or a Float64Array of the offset and the length of each';

/** Checks a vector of page numbers and runs. Throws `INVALID_ARGUMENT`, `OUT_OF_RANGE` or `LIMIT`, naming the entry. */
export function pageVector(input: Iterable<number | Run> | Uint32Array, extent: Extent): Vector {
  const { pageCount } = extent;
  if (input instanceof Uint32Array) {
    if (input.length > MOST_ENTRIES) throw tooMany();
    const first = new Float64Array(input);
    for (let i = 0; i < first.length; i++) {
      if ((first[i] as number) >= pageCount) throw outOfRange(`entry ${i}, page ${first[i]}`, extent);
    }
    return { length: first.length, first, count: new Float64Array(first.length).fill(1) };
  }
  const entries = list<number | Run>(input, PAGES);
  const length = entries.length;
  const first = new Float64Array(length);
  const count = new Float64Array(length);
  const longest = extent.longestEntry / extent.pageSize;
  for (let i = 0; i < length; i++) {
    const entry = entries[i] as number | Run;
    if (typeof entry === 'number') {
      if (!(Number.isSafeInteger(entry) && entry >= 0 && entry < pageCount)) throw badPage(entry, `entry ${i}`, extent);
      first[i] = entry;
      count[i] = 1;
      continue;
    }
    if (typeof entry !== 'object' || entry === null) throw invalidArgument(`entry ${i}`, 'a page number or a run { first, count }', entry);
    const { first: from, count: pages } = entry;
    if (!Number.isSafeInteger(from) || from < 0) throw badPage(from, `entry ${i}'s first page`, extent);
    if (!Number.isSafeInteger(pages) || pages < 1)
      throw invalidArgument(`entry ${i}'s count`, 'a whole number of pages, at least 1', pages);
    if (from + pages > pageCount) throw outOfRange(`entry ${i}, pages ${from} to ${from + pages - 1}`, extent);
    if (pages > longest) throw tooLong(`entry ${i} has ${pages * extent.pageSize} bytes`, extent);
    first[i] = from;
    count[i] = pages;
  }
  return { length, first, count };
}

/** Checks a vector of byte ranges. Throws `INVALID_ARGUMENT`, `OUT_OF_RANGE` or `LIMIT`, naming the entry. */
export function rangeVector(input: Iterable<ByteRange> | Float64Array, extent: Extent): Vector {
  if (input instanceof Float64Array) return flatRanges(input, extent);
  const entries = list<ByteRange>(input, RANGES);
  const ranges = emptyRanges(entries.length);
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as ByteRange;
    if (typeof entry !== 'object' || entry === null) throw invalidArgument(`entry ${i}`, 'a byte range { offset, length }', entry);
    setRange(ranges, i, entry.offset, entry.length, extent);
  }
  return ranges;
}

function flatRanges(input: Float64Array, extent: Extent): Vector {
  if (input.length % 2 !== 0) throw invalidArgument('vector', 'the offset and the length of each range', `${input.length} numbers`);
  if (input.length / 2 > MOST_ENTRIES) throw tooMany();
  const ranges = emptyRanges(input.length / 2);
  for (let i = 0; i < ranges.length; i++) setRange(ranges, i, input[2 * i] as number, input[2 * i + 1] as number, extent);
  return ranges;
}

/** Entries of a vector whose arrays V8 keeps on its heap, rather than in memory of their own. */
const SHORT = 8;

function emptyRanges(length: number): Required<Vector> {
  // What is long in one piece of memory, for V8 counts pieces; what is short lies on its heap.
  const memory = length > SHORT ? new ArrayBuffer(4 * 8 * length) : undefined;
  const numbers = (i: number): Float64Array => (memory ? new Float64Array(memory, i * 8 * length, length) : new Float64Array(length));
  return { length, first: numbers(0), count: numbers(1), bytes: { offset: numbers(2), length: numbers(3) } };
}

function setRange({ first, count, bytes }: Required<Vector>, i: number, offset: number, length: number, extent: Extent): void {
  const { pageSize } = extent;
  checkRange(offset, length, i, extent);
  first[i] = Math.floor(offset / pageSize);
  count[i] = pagesOf(offset, length, pageSize);
  bytes.offset[i] = offset;
  bytes.length[i] = length;
}

/** Pages that `length` bytes from `offset` on touch. */
export function pagesOf(offset: number, length: number, pageSize: number): number {
  return length === 0 ? 0 : Math.floor((offset + length - 1) / pageSize) - Math.floor(offset / pageSize) + 1;
}

/** A vector of some of another one's entries. */
export function selected({ first, count, bytes }: Vector, entries: readonly number[]): Vector {
  const pick = (numbers: Float64Array): Float64Array => Float64Array.from(entries, (entry) => numbers[entry] as number);
  return {
    length: entries.length,
    first: pick(first),
    count: pick(count),
    ...(bytes && { bytes: { offset: pick(bytes.offset), length: pick(bytes.length) } }),
  };
}

/** Checks one page number. */
export function checkPage(page: number, extent: Extent): void {
  if (!(Number.isSafeInteger(page) && page >= 0 && page < extent.pageCount)) throw badPage(page, 'page', extent);
}

/** Checks one byte range, and that it may be one entry. `what` is what errors call it, or its number in a vector: a name is made only for an error. */
export function checkRange(offset: number, length: number, what: string | number, extent: Extent): void {
  checkBytes(offset, length, what, extent);
  if (length > extent.longestEntry) throw tooLong(`${named(what)} has ${length} bytes`, extent);
}

/** Checks that a byte range lies in the file, however long it is. */
export function checkBytes(offset: number, length: number, what: string | number, extent: Extent): void {
  if (!wholeNumber(offset)) throw invalidArgument(`${named(what)}'s offset`, 'a whole number of bytes', offset);
  if (!wholeNumber(length)) throw invalidArgument(`${named(what)}'s length`, 'a whole number of bytes', length);
  if (offset < 0) throw outOfRange(`${named(what)}, byte ${offset}`, extent);
  if (length < 0) throw invalidArgument(`${named(what)}'s length`, 'at least 0', length);
  if (offset + length > extent.size) throw outOfRange(`${named(what)}, bytes ${offset} to ${offset + length}`, extent);
}

function named(what: string | number): string {
  return typeof what === 'number' ? `entry ${what}` : what;
}

function wholeNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value);
}

function list<T>(input: Iterable<T>, expected: string): readonly T[] {
  if (Array.isArray(input)) {
    if (input.length > MOST_ENTRIES) throw tooMany();
    return input;
  }
  if (typeof input !== 'object' || input === null || typeof input[Symbol.iterator] !== 'function') {
    throw invalidArgument('the vector', expected, input);
  }
  // An iterable may have no end.
  const entries: T[] = [];
  for (const entry of input) {
    if (entries.push(entry) > MOST_ENTRIES) throw tooMany();
  }
  return entries;
}

function tooMany(): NofaultError {
  return new NofaultError('LIMIT', `a vector may have ${MOST_ENTRIES} entries at most: ask in several calls`);
}

function badPage(page: unknown, what: string, extent: Extent): NofaultError {
  if (!wholeNumber(page)) return invalidArgument(what, 'a page number: a whole number from 0 on', page);
  return outOfRange(`${what}, page ${show(page)}`, extent);
}

function outOfRange(what: string, extent: Extent): NofaultError {
  const { path, size, pageCount } = extent;
  return new NofaultError('OUT_OF_RANGE', `${what}, does not lie in ${path}, which has ${pageCount} pages (${size} bytes)`, { path });
}

function tooLong(what: string, extent: Extent): NofaultError {
  const { path, longestEntry } = extent;
  return new NofaultError('LIMIT', `${what}, and one entry may have ${longestEntry} (16 MiB) at most: ask for it in several entries`, {
    path,
  });
}
