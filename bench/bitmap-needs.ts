import { readSync } from 'node:fs';
import { baseline } from './baseline';
import type { Placed } from './bitmap-file';

const BITSET = 8192;
const MOST_VALUES = 4096;

interface Container {
  readonly offset: number;
  readonly length: number;
}

/**
 * The pages that an AND of these bitmaps cannot do without: those of their headers, and of the containers of the chunks that all of them have. Read with
 * `fs.readSync` and as the Roaring format's specification says, without any code of nofault's. Headers come first, then chunk by chunk, each page once.
 */
export function neededPages(fd: number, bitmaps: readonly Placed[]): { pages: Uint32Array } {
  const headers = bitmaps.map((bitmap) => readHeader(fd, bitmap));
  const pages = new Set<number>();
  const need = (offset: number, length: number): void => {
    for (let page = Math.floor(offset / baseline.pageSize); page * baseline.pageSize < offset + length; page++) pages.add(page);
  };
  for (const [i, { length }] of headers.entries()) need((bitmaps[i] as Placed).offset, length);
  const [first, ...others] = headers;
  for (const key of first?.containers.keys() ?? []) {
    if (!others.every(({ containers }) => containers.has(key))) continue;
    for (const { containers } of headers) {
      const { offset, length } = containers.get(key) as Container;
      need(offset, length);
    }
  }
  return { pages: Uint32Array.from(pages) };
}

function readHeader(fd: number, { offset, length }: Placed): { length: number; containers: Map<number, Container> } {
  const start = read(fd, offset, 8);
  const cookie = start.readUInt32LE(0);
  const withRuns = (cookie & 0xffff) === 12_347;
  if (!withRuns && cookie !== 12_346) throw new Error(`expected a Roaring bitmap at byte ${offset}`);
  const count = withRuns ? (cookie >>> 16) + 1 : start.readUInt32LE(4);
  if (withRuns && count < 4) throw new Error('a bitmap of fewer than four containers with runs has no table of places: not read here');
  const keys = withRuns ? 4 + Math.ceil(count / 8) : 8;
  const headerLength = keys + 8 * count;
  const bytes = read(fd, offset, headerLength);
  const containers = new Map<number, Container>();
  for (let i = 0; i < count; i++) {
    const at = bytes.readUInt32LE(keys + 4 * count + 4 * i);
    const cardinality = bytes.readUInt16LE(keys + 4 * i + 2) + 1;
    const isRuns = withRuns && ((bytes[4 + (i >> 3)] as number) >> (i & 7)) & 1;
    const end = i + 1 < count ? bytes.readUInt32LE(keys + 4 * count + 4 * (i + 1)) : length;
    const size = isRuns ? end - at : cardinality <= MOST_VALUES ? 2 * cardinality : BITSET;
    containers.set(bytes.readUInt16LE(keys + 4 * i), { offset: offset + at, length: size });
  }
  return { length: headerLength, containers };
}

function read(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const got = readSync(fd, bytes, 0, length, position);
  if (got !== length) throw new Error(`expected ${length} bytes at ${position}, but ${got} came`);
  return bytes;
}
