import type { MappedFile } from '../file/mapped-file';
import type { NativeHeader, NativeStep } from '../native';
import type { BitmapRef } from './format';

/** Pages between two that are needed, which are asked about with them rather than in a question of their own. */
const GAP = 256;

/** Questions about residency at once. */
const AT_ONCE = 16;

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

/** Pages, from `first` up to `end`. */
interface Stretch {
  first: number;
  end: number;
}

/** What these steps, over bitmaps with these headers, need of the file. */
export async function planOf(
  file: MappedFile,
  refs: readonly BitmapRef[],
  headers: readonly NativeHeader[],
  steps: readonly NativeStep[],
): Promise<ScanPlan> {
  const stretches = joined([
    ...refs.map(({ offset }, i) => stretch(offset, (headers[i] as NativeHeader).length, file)),
    ...steps.flatMap(({ ranges }) => {
      const some: Stretch[] = [];
      for (let i = 0; i < ranges.length; i += 3) some.push(stretch(ranges[i + 1] as number, ranges[i + 2] as number, file));
      return some;
    }),
  ]);
  const pages = sum(stretches.map(({ first, end }) => end - first));
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

function stretch(offset: number, length: number, { pageSize }: MappedFile): Stretch {
  return { first: Math.floor(offset / pageSize), end: Math.ceil((offset + length) / pageSize) };
}

/** The same pages, each once, in order. */
function joined(stretches: Stretch[]): Stretch[] {
  stretches.sort((a, b) => a.first - b.first);
  const result: Stretch[] = [];
  for (const { first, end } of stretches) {
    const last = result[result.length - 1];
    if (last !== undefined && first <= last.end) last.end = Math.max(last.end, end);
    else result.push({ first, end });
  }
  return result;
}

/** How many of these pages are in memory; those of which the kernel does not tell are not. */
async function residentOf(file: MappedFile, stretches: readonly Stretch[]): Promise<number> {
  const groups: Stretch[][] = [];
  for (const one of stretches) {
    const group = groups[groups.length - 1];
    const last = group?.[group.length - 1];
    if (group !== undefined && last !== undefined && one.first - last.end <= GAP) group.push(one);
    else groups.push([one]);
  }
  let resident = 0;
  const next = groups.values();
  const ask = async (): Promise<void> => {
    for (const group of next) {
      // Not in one expression: that would add to what it was before the others of them had answered.
      const found = await residentIn(file, group);
      resident += found;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return resident;
}

async function residentIn(file: MappedFile, group: readonly Stretch[]): Promise<number> {
  const { pageSize } = file;
  const offset = (group[0] as Stretch).first * pageSize;
  const end = Math.min((group[group.length - 1] as Stretch).end * pageSize, file.size);
  const map = await file.residency({ offset, length: end - offset });
  let resident = 0;
  let i = 0;
  for (const run of map.runs) {
    if (run.state !== 'resident') continue;
    const first = Math.floor(run.offset / pageSize);
    const last = Math.ceil((run.offset + run.length) / pageSize);
    while (i < group.length && (group[i] as Stretch).end <= first) i++;
    for (let j = i; j < group.length && (group[j] as Stretch).first < last; j++) {
      resident += Math.min(last, (group[j] as Stretch).end) - Math.max(first, (group[j] as Stretch).first);
    }
  }
  return resident;
}
