// A program of its own, run by the bench `pressure`: what the watch costs while a file is hot and while nobody reads. The last line on stdout is what it
// found, as JSON.
import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { type MappedFile, open } from 'nofault';
import { baseline } from './baseline';
import { Random } from './statistics';

export interface WatchOrder {
  /** A file that is in memory. */
  readonly path: string;
  /** How long it is read, and how long it is left alone, in ms. */
  readonly milliseconds: number;
}

export interface WatchFindings {
  /** CPU time of the watch's thread in percent of the time, while all of the file is read. */
  readonly reading: number;
  /** The same while nobody reads. */
  readonly idle: number;
  /** Of the reads, how many the boards have answered: 0 to 1. */
  readonly boardShare: number;
}

const MOST_PAGES = (16 * 2 ** 20) / baseline.pageSize;
const SLICE = 2048;
/** Before the watch may be expected to sleep. */
const REST = 1000;

async function main({ path, milliseconds }: WatchOrder): Promise<WatchFindings> {
  const file = await open(path);
  for (let first = 0; first < file.pageCount; first += MOST_PAGES) {
    await file.getPages([{ first, count: Math.min(MOST_PAGES, file.pageCount - first) }]).arrived;
  }
  const pages = new Random(9).pages(file.pageCount, 0, file.pageCount);
  // Twice through before it counts: every page is on its board, and the code is compiled.
  for (let pass = 0; pass < 2; pass++) await readAll(file, pages, Number.POSITIVE_INFINITY);
  const thread = watchThread();
  const before = file.stats();
  let time = performance.now();
  let used = cpuOf(thread);
  const end = time + milliseconds;
  while (performance.now() < end) await readAll(file, pages, end);
  const reading = (cpuOf(thread) - used) / 1e4 / (performance.now() - time);
  const after = file.stats();

  await pause(REST);
  time = performance.now();
  used = cpuOf(thread);
  await pause(milliseconds);
  const idle = (cpuOf(thread) - used) / 1e4 / (performance.now() - time);
  await file.close();
  const hits = after.hits + after.misses - before.hits - before.misses;
  return { reading, idle, boardShare: (after.boardHits - before.boardHits) / hits };
}

/** Reads a byte of each page, until `end` at most. What had left is fetched. */
async function readAll(file: MappedFile, pages: Uint32Array, end: number): Promise<number> {
  let sum = 0;
  for (let at = 0; at < pages.length && performance.now() < end; at += SLICE) {
    const missing: number[] = [];
    for (const page of pages.subarray(at, at + SLICE)) {
      const bytes = file.tryPage(page);
      if (bytes === undefined) missing.push(page);
      else sum += bytes[0] as number;
    }
    if (missing.length > 0) await file.getPages(missing).arrived;
    await nextTurn();
  }
  return sum;
}

function watchThread(): string {
  for (const thread of readdirSync('/proc/self/task')) {
    const folder = `/proc/self/task/${thread}`;
    if (readFileSync(`${folder}/comm`, 'latin1').trim() === 'nofault-watch') return folder;
  }
  throw new Error('no thread of this process is called nofault-watch: nothing keeps the boards young');
}

/** CPU time of a thread, in ns. */
function cpuOf(thread: string): number {
  return Number(readFileSync(`${thread}/schedstat`, 'latin1').split(' ')[0]);
}

main(JSON.parse(process.argv[2] ?? '') as WatchOrder).then(
  (findings) => process.stdout.write(`${JSON.stringify(findings)}\n`),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 1;
  },
);
