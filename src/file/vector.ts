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

const PAGES = 'an iterable of page numbers and runs { first, count }, or a Uint32Array of page numbers';
const RANGES = 'an iterable of byte ranges { offset, length }';

/** Checks a vector of page numbers and runs. Throws `INVALID_ARGUMENT`, `OUT_OF_RANGE` or `LIMIT`, naming the entry. */
export function pageVector(input: Iterable<number | Run> | Uint32Array, extent: Extent): Vector {
  const { pageCount } = extent;
  if (input instanceof Uint32Array) {
    const first = Float64Array.from(input);
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
    if (!Number.isSafeInteger(pages) || pages < 1) throw invalidArgument(`entry ${i}'s count`, 'a whole number of pages, at least 1', pages);
    if (from + pages > pageCount) throw outOfRange(`entry ${i}, pages ${from} to ${from + pages - 1}`, extent);
    if (pages > longest) throw tooLong(`entry ${i} has ${pages * extent.pageSize} bytes`, extent);
    first[i] = from;
    count[i] = pages;
  }
  return { length, first, count };
}

/** Checks a vector of byte ranges. Throws `INVALID_ARGUMENT`, `OUT_OF_RANGE` or `LIMIT`, naming the entry. */
export function rangeVector(input: Iterable<ByteRange>, extent: Extent): Vector {
  const entries = list<ByteRange>(input, RANGES);
  const size = entries.length;
  const first = new Float64Array(size);
  const count = new Float64Array(size);
  const offsets = new Float64Array(size);
  const lengths = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const entry = entries[i] as ByteRange;
    if (typeof entry !== 'object' || entry === null) throw invalidArgument(`entry ${i}`, 'a byte range { offset, length }', entry);
    const { offset, length } = entry;
    checkRange(offset, length, `entry ${i}`, extent);
    const page = Math.floor(offset / extent.pageSize);
    first[i] = page;
    count[i] = pagesOf(offset, length, extent.pageSize);
    offsets[i] = offset;
    lengths[i] = length;
  }
  return { length: size, first, count, bytes: { offset: offsets, length: lengths } };
}

/** Pages that `length` bytes from `offset` on touch. */
export function pagesOf(offset: number, length: number, pageSize: number): number {
  return length === 0 ? 0 : Math.floor((offset + length - 1) / pageSize) - Math.floor(offset / pageSize) + 1;
}

/** Checks one page number. */
export function checkPage(page: number, extent: Extent): void {
  if (!(Number.isSafeInteger(page) && page >= 0 && page < extent.pageCount)) throw badPage(page, 'page', extent);
}

/** Checks one byte range, and that it may be one entry. */
export function checkRange(offset: number, length: number, what: string, extent: Extent): void {
  checkBytes(offset, length, what, extent);
  if (length > extent.longestEntry) throw tooLong(`${what} has ${length} bytes`, extent);
}

/** Checks that a byte range lies in the file, however long it is. */
export function checkBytes(offset: number, length: number, what: string, extent: Extent): void {
  if (!wholeNumber(offset)) throw invalidArgument(`${what}'s offset`, 'a whole number of bytes', offset);
  if (!wholeNumber(length)) throw invalidArgument(`${what}'s length`, 'a whole number of bytes', length);
  if (offset < 0) throw outOfRange(`${what}, byte ${offset}`, extent);
  if (length < 0) throw invalidArgument(`${what}'s length`, 'at least 0', length);
  if (offset + length > extent.size) throw outOfRange(`${what}, bytes ${offset} to ${offset + length}`, extent);
}

function wholeNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value);
}

function list<T>(input: Iterable<T>, expected: string): readonly T[] {
  if (Array.isArray(input)) return input;
  if (typeof input === 'object' && input !== null && typeof input[Symbol.iterator] === 'function') return Array.from(input);
  throw invalidArgument('the vector', expected, input);
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
  return new NofaultError('LIMIT', `${what}, and one entry may have ${longestEntry} (16 MiB) at most: ask for it in several entries`, { path });
}
