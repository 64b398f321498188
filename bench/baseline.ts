import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The benches' own addon: see `native/baseline.cc`. */
export interface Baseline {
  readonly pageSize: number;
  /** Writes out what is dirty and drops every page of the file that nobody maps. */
  evict(fd: number): void;
  /** Asks for each page by itself, so that each comes into a folio of one page. */
  requestPages(fd: number, pages: Uint32Array): void;
  /** Major faults and voluntary context switches of this thread so far, into an array of two. */
  threadWaits(into: Float64Array): void;
  /** The bytes that lie at `position` (a multiple of 8) of every test file. */
  fillRandom(into: Uint8Array, position: number): void;
  readonly PlainMap: new (fd: number, length: number, advice: 'normal' | 'random' | 'sequential') => PlainMap;
}

/** A whole file, mapped the way any program maps one. What it times is timed in C++, around the bare loop. */
export interface PlainMap {
  /** Nanoseconds for reading a byte of each page, one after the other. */
  touch(pages: Uint32Array): number;
  /** Nanoseconds for one mincore and a byte read, page after page; -1 when a page was missing and so not read. */
  askAndRead(pages: Uint32Array): number;
  /** Nanoseconds for one mincore over `span` pages from each page on. */
  ask(pages: Uint32Array, span: number): number;
  /** Pages of the file that are in the page cache. */
  residentPages(): number;
  /** The mapping, until `unmap`. */
  bytes(): ArrayBuffer;
  unmap(): void;
}

/** The project's folder, from wherever this was compiled to. */
export function projectRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'binding.gyp')) || !existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder)
      throw new Error(`${__dirname} lies in no checkout of nofault: no folder above it holds binding.gyp and package.json`);
    folder = dirname(folder);
  }
  return folder;
}

function load(): Baseline {
  const path = join(projectRoot(), 'bench/native/build/Release/baseline.node');
  if (!existsSync(path)) throw new Error(`expected the benches' addon at ${path}: build it with \`node scripts/ready.mjs --bench\``);
  return require(path) as Baseline;
}

export const baseline: Baseline = load();
