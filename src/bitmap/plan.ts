import type { MappedFile } from '../file/mapped-file';
import type { NativeHeader, NativeStep } from '../native';
import type { BitmapRef } from './format';
import { loopsTurn } from './slices';

/** Pages between two that are needed, which are asked about with them rather than in a question of their own. */
const GAP = 256;

/** Questions about residency at once. */
const AT_ONCE = 16;

/** Stretches or runs of pages that are gone through before somebody else may have the event loop. */
const IN_A_ROW = 256;

/** More pages than a header or a range has: a stretch is one number, its first page times this and how many it has, so that sorting costs little. */
const MOST_PAGES = 2 ** 13;

/** What a scan would do, and what of that is in memory, as of a moment ago. */
export interface ScanPlan {
  /** Pages that hold the headers and containers it needs, and their bytes. */
  readonly pages: number;
  readonly bytes: number;
  readonly residentPages: number;
  readonly residentBytes: number;
  readonly missingPages: number;
  readonly missingBytes: number;
  /** Bitmaps whose headers are read. */
  readonly bitmaps: number;
  /** Containers that are read, and those of the same bitmaps that are not, because the headers tell the outcome. */
  readonly containersRead: number;
  readonly containersSkipped: number;
  /** Chunks of which something is read. */
  readonly chunks: number;
  /** What is asked for together, in this order. */
  readonly steps: readonly ScanStep[];
}

export interface ScanStep {
  /** Chunks that the step completes, from `firstChunk` to `lastChunk`. */
  readonly chunks: number;
  readonly firstChunk: number;
  readonly lastChunk: number;
  /** Byte ranges of the file, and their bytes. */
  readonly ranges: number;
  readonly bytes: number;
}

/** Pages that do not touch one another, ascending: from `first[i]` up to `end[i]`. */
interface Stretches {
  readonly first: number[];
  readonly end: number[];
}

/** What these steps, over bitmaps with these headers, need of the file. */
export async function planOf(
  file: MappedFile,
  refs: readonly BitmapRef[],
  headers: readonly NativeHeader[],
  steps: readonly NativeStep[],
): Promise<ScanPlan> {
  const stretches = await stretchesOf(file, refs, headers, steps);
  const pages = sum(stretches.end) - sum(stretches.first);
  const residentPages = await residentOf(file, stretches);
  const containers = sum(headers.map((header) => header.containers));
  const containersRead = sum(steps.map((step) => step.containers));
  return {
    pages,
    bytes: pages * file.pageSize,
    residentPages,
    residentBytes: residentPages * file.pageSize,
    missingPages: pages - residentPages,
    missingBytes: (pages - residentPages) * file.pageSize,
    bitmaps: refs.length,
    containersRead,
    containersSkipped: containers - containersRead,
    chunks: sum(steps.map((step) => step.chunks)),
    steps: steps
      .filter(({ chunks }) => chunks > 0)
      .map(({ chunks, firstChunk, lastChunk, ranges, bytes }) => ({ chunks, firstChunk, lastChunk, ranges: ranges.length / 3, bytes })),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The pages of the headers and of all ranges, each once. */
async function stretchesOf(
  { pageSize }: MappedFile,
  refs: readonly BitmapRef[],
  headers: readonly NativeHeader[],
  steps: readonly NativeStep[],
): Promise<Stretches> {
  const all = new Float64Array(refs.length + sum(steps.map(({ ranges }) => ranges.length / 3)));
  let n = 0;
  const add = (offset: number, length: number): void => {
    const first = Math.floor(offset / pageSize);
    all[n++] = first * MOST_PAGES + Math.ceil((offset + length) / pageSize) - first;
  };
  for (const [i, { offset }] of refs.entries()) add(offset, (headers[i] as NativeHeader).length);
  for (const { ranges } of steps) {
    const turn = loopsTurn();
    if (turn) await turn;
    for (let i = 0; i < ranges.length; i += 3) add(ranges[i + 1] as number, ranges[i + 2] as number);
  }
  all.sort();
  const first: number[] = [];
  const end: number[] = [];
  for (let i = 0; i < all.length; i++) {
    const turn = i % IN_A_ROW === 0 ? loopsTurn() : undefined;
    if (turn) await turn;
    const pages = (all[i] as number) % MOST_PAGES;
    const from = ((all[i] as number) - pages) / MOST_PAGES;
    const last = end.length - 1;
    if (last >= 0 && from <= (end[last] as number)) end[last] = Math.max(end[last] as number, from + pages);
    else {
      first.push(from);
      end.push(from + pages);
    }
  }
  return { first, end };
}

/** How many of these pages are in memory; those of which the kernel does not tell are not. */
async function residentOf(file: MappedFile, { first, end }: Stretches): Promise<number> {
  // Where each group begins that is asked about in one question.
  const groups: number[] = [];
  for (let i = 0; i < first.length; i++) if (i === 0 || (first[i] as number) - (end[i - 1] as number) > GAP) groups.push(i);
  let resident = 0;
  const next = groups.entries();
  const ask = async (): Promise<void> => {
    for (const [at, from] of next) {
      // Not in one expression: that would add to what it was before the others of them had answered.
      const found = await residentIn(file, { first, end }, from, groups[at + 1] ?? first.length);
      resident += found;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return resident;
}

/** Of the stretches from number `from` up to `to`. */
async function residentIn(file: MappedFile, { first, end }: Stretches, from: number, to: number): Promise<number> {
  const { pageSize } = file;
  const offset = (first[from] as number) * pageSize;
  const stop = Math.min((end[to - 1] as number) * pageSize, file.size);
  const map = await file.residency({ offset, length: stop - offset });
  let resident = 0;
  let runs = 0;
  let i = from;
  for (const run of map.runs) {
    const turn = runs++ % IN_A_ROW === 0 ? loopsTurn() : undefined;
    if (turn) await turn;
    if (run.state !== 'resident') continue;
    const begin = Math.floor(run.offset / pageSize);
    const last = Math.ceil((run.offset + run.length) / pageSize);
    while (i < to && (end[i] as number) <= begin) i++;
    for (let j = i; j < to && (first[j] as number) < last; j++) {
      resident += Math.min(last, end[j] as number) - Math.max(begin, first[j] as number);
    }
  }
  return resident;
}
