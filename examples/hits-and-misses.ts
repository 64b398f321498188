/*
 * What nofault does, shown on real files: node .build/examples/hits-and-misses.js [FILE...]
 *
 * Each file is read three times at the same random pages: missing from memory through nofault, missing through fs.readSync, and resident through nofault.
 * Nothing is written. The one thing that is done to a file is to drop it from the page cache, which costs its next reader some time.
 */
import { execFile } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open as openFile, readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { type MappedFile, open } from 'nofault';

const PAGES_ASKED = 1000;
const FILES_BY_DEFAULT = 3;
/** Blocking reads stop after this time, so that a slow disk does not hold up the whole show. */
const BLOCKING_BUDGET_MS = 1500;
const HOT_ROUNDS = 100;

const EXPLANATION = `as found    One getPages for random pages: hits are what the page cache held
            already. Cancelled at once, so that nothing is read for it.
cold        The file was dropped from memory first. nofault answers at once that
            the same pages are misses; they arrive while the loop goes on.
            fs.readSync reads them too, and everybody else waits meanwhile.
hot         The same question again, and a byte read of each page: all hits,
            each a view of the page cache in place, without a copy or a wait.
loop waits  The longest time for which the event loop came to nothing else.`;

const HEADING = '                       hits   misses  all there after   loop waits     a page';
const BOLD = 1;
const FAINT = 2;

interface Reading {
  readonly hits: number;
  readonly misses: number;
  readonly milliseconds: number;
  /** The longest time for which the event loop did nothing else. */
  readonly longestWait: number;
  /** Pages that were read: fewer than asked for when time ran out. */
  readonly pageCount: number;
  /** A copy of each, in the order of the vector, where one was made. */
  readonly pages: Buffer[];
}

async function main(): Promise<void> {
  const named = process.argv.slice(2);
  const paths = named.length > 0 ? named : await largestFiles(join(__dirname, '..', '..', 'node_modules'), FILES_BY_DEFAULT);
  if (paths.length === 0) throw new Error('no file to read: name some, as in: node .build/examples/hits-and-misses.js /var/log/*.log');

  say(`nofault asks for up to ${count(PAGES_ASKED)} random pages of each file at once.`);
  const idle = await longestWaitDuring(() => sleep(200));
  say(`An idle event loop is ${milliseconds(idle.longestWait)} late here at worst.\n`);
  let wrong = 0;
  for (const path of paths) wrong += await show(path);
  say(EXPLANATION);
  if (wrong > 0) {
    say(`\n${count(wrong)} pages differed from what fs.readSync reads.`);
    process.exitCode = 1;
  }
}

/** Shows one file; returns how many of the pages that nofault served had the wrong bytes. */
async function show(path: string): Promise<number> {
  const size = (await stat(path)).size;
  say(`${megabytes(size)}  ${style(BOLD, shorten(path))}`);
  if (size === 0) {
    say('  empty: there is nothing to read\n');
    return 0;
  }
  say(style(FAINT, HEADING));
  const { vector, hits, misses } = await asFound(path);
  say(row('as found', hits, misses));

  reportLeftOver(await dropFromMemory(path), size);
  const file = await open(path);
  const cold = await readThroughNofault(file, vector);
  const hot = readHot(file, vector);
  await file.close();
  say(row('cold, nofault', cold.hits, cold.misses, cold));

  reportLeftOver(await dropFromMemory(path), size);
  const blocking = await readBlocking(path, vector, file.pageSize);
  say(row('cold, fs.readSync', undefined, undefined, blocking));
  if (blocking.pages.length < vector.length) say(`    (given up after ${count(blocking.pages.length)} pages)`);
  say(row('hot, nofault', hot.hits, hot.misses, hot));

  const expected = pagesByReadSync(path, vector, file.pageSize);
  const wrong = expected.filter((bytes, index) => !bytes.equals(cold.pages[index] as Buffer)).length;
  say(
    `  ${megabytes(expected.reduce((sum, page) => sum + page.length, 0))} from nofault compared with fs.readSync: ${wrong === 0 ? 'equal' : 'DIFFERENT'}\n`,
  );
  return wrong;
}

/** What random pages find. The missing ones would now be fetched; the signal says that nobody wants them. */
async function asFound(path: string): Promise<{ vector: Uint32Array; hits: number; misses: number }> {
  const file = await open(path);
  const vector = randomPages(file.pageCount);
  const enough = new AbortController();
  const { hits, misses } = file.getPages(vector, { signal: enough.signal });
  enough.abort();
  await file.close();
  return { vector, hits, misses };
}

async function readThroughNofault(file: MappedFile, vector: Uint32Array): Promise<Reading> {
  const start = performance.now();
  const { result: set, longestWait } = await longestWaitDuring(() => file.getPages(vector).arrived);
  const elapsed = performance.now() - start;
  // Each entry in a turn in which it is in memory; one that has left again meanwhile is brought back. The copy is only for comparing later.
  const pages: Buffer[] = [];
  for await (const entry of set) pages[entry] = Buffer.from(set.bytes(entry));
  return { hits: set.hits, misses: set.misses, milliseconds: elapsed, longestWait, pageCount: vector.length, pages };
}

/** Asks again and again for what is in memory by now, and reads a byte of each page. Reports the middle round. */
function readHot(file: MappedFile, vector: Uint32Array): Reading {
  const rounds: Reading[] = [];
  let sum = 0;
  for (let round = 0; round < HOT_ROUNDS; round++) {
    const start = performance.now();
    const set = file.getPages(vector);
    for (let entry = 0; entry < set.length; entry++) if (set.isHit(entry)) sum += set.bytes(entry)[0] as number;
    const elapsed = performance.now() - start;
    rounds.push({ hits: set.hits, misses: set.misses, milliseconds: elapsed, longestWait: elapsed, pageCount: vector.length, pages: [] });
  }
  if (Number.isNaN(sum)) throw new Error('a hit without bytes');
  return rounds.sort((a, b) => a.milliseconds - b.milliseconds)[HOT_ROUNDS >> 1] as Reading;
}

/** The usual way, which makes the event loop wait for the device once for each page. */
async function readBlocking(path: string, vector: Uint32Array, pageSize: number): Promise<Reading> {
  const start = performance.now();
  const { result: pages, longestWait } = await longestWaitDuring(async () =>
    pagesByReadSync(path, vector, pageSize, start + BLOCKING_BUDGET_MS),
  );
  return { hits: 0, misses: 0, milliseconds: performance.now() - start, longestWait, pageCount: pages.length, pages };
}

function pagesByReadSync(path: string, vector: Uint32Array, pageSize: number, deadline = Number.POSITIVE_INFINITY): Buffer[] {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const pages: Buffer[] = [];
    for (const page of vector) {
      const buffer = Buffer.alloc(Math.min(pageSize, size - page * pageSize));
      readSync(fd, buffer, 0, buffer.length, page * pageSize);
      pages.push(buffer);
      if (performance.now() > deadline) break;
    }
    return pages;
  } finally {
    closeSync(fd);
  }
}

/** Random pages, each once, in random order. */
function randomPages(pageCount: number): Uint32Array {
  // Page numbers of 32 bits reach 16 TiB, which is enough for a show.
  const reach = Math.min(pageCount, 2 ** 32);
  const pages = new Set<number>();
  while (pages.size < Math.min(PAGES_ASKED, reach)) pages.add(Math.floor(Math.random() * reach));
  return Uint32Array.from(pages);
}

/**
 * Asks the kernel to forget the file, and returns how many bytes of it are in memory all the same: what other processes have mapped stays, and so does
 * everything on a file system that lives in memory. Node has no posix_fadvise, but dd does, and needs no rights beyond reading.
 */
async function dropFromMemory(path: string): Promise<number> {
  const handle = await openFile(path, 'r');
  // A page that was written lately cannot be dropped before it is on the disk.
  await handle.sync().catch(() => undefined);
  await handle.close();
  await promisify(execFile)('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']).catch(() => undefined);
  const file = await open(path);
  const { residentBytes, unknownBytes } = await file.residency();
  await file.close();
  return residentBytes + unknownBytes;
}

/** The largest files in a folder and in those below it. */
async function largestFiles(folder: string, most: number): Promise<string[]> {
  const sizes = new Map<string, number>();
  const pending = [folder];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const entry of await readdir(next, { withFileTypes: true })) {
      const path = join(next, entry.name);
      if (entry.isDirectory()) pending.push(path);
      else if (entry.isFile()) sizes.set(path, (await stat(path)).size);
    }
  }
  return [...sizes]
    .sort((a, b) => b[1] - a[1])
    .slice(0, most)
    .map(([path]) => path);
}

/** Does some work, and tells how late, at worst, a timer of one millisecond fired meanwhile. */
async function longestWaitDuring<Result>(work: () => Promise<Result>): Promise<{ result: Result; longestWait: number }> {
  let longestWait = 0;
  let last = performance.now();
  const look = (): void => {
    const now = performance.now();
    longestWait = Math.max(longestWait, now - last - 1);
    last = now;
  };
  const timer = setInterval(look, 1);
  try {
    const result = await work();
    look();
    return { result, longestWait };
  } finally {
    clearInterval(timer);
  }
}

function row(label: string, hits: number | undefined, misses: number | undefined, reading?: Reading): string {
  const figures = `  ${label.padEnd(17)}${cell(hits, 8)}${cell(misses, 9)}`;
  if (reading === undefined) return figures;
  const { milliseconds: all, longestWait, pageCount } = reading;
  return `${figures}${milliseconds(all).padStart(17)}${milliseconds(longestWait).padStart(13)}${perPage(all / pageCount).padStart(11)}`;
}

function cell(value: number | undefined, width: number): string {
  return (value === undefined ? '' : count(value)).padStart(width);
}

function reportLeftOver(bytes: number, size: number): void {
  if (bytes > 0) say(`    (${((bytes / size) * 100).toFixed(1)} % of the file could not be dropped from memory)`);
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function milliseconds(value: number): string {
  return `${value.toFixed(value < 1 ? 2 : 1)} ms`;
}

function perPage(value: number): string {
  return value < 0.01 ? `${Math.round(value * 1e6)} ns` : `${(value * 1e3).toFixed(1)} us`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Relative to the working directory where that is shorter; what could upset a terminal is shown as JSON shows it. */
function shorten(path: string): string {
  const near = relative(process.cwd(), path);
  return JSON.stringify(near.length < path.length ? near : path).slice(1, -1);
}

function style(code: number, text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? `\u001b[${code}m${text}\u001b[0m` : text;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
