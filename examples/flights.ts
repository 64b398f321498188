/*
 * What nofault is for, on real data: node .build/examples/flights.js
 *
 * Three million flights (of the npm package vega-datasets) are indexed, and the index is asked some questions: when nothing of it is in memory, and when all is. Each is also
 * asked in the usual way, of a plain mapping, in a process of its own.
 */
import { execFile } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type BuildProgress, buildIndex, evict, openIndex, residencyOf } from 'nofault';
import type { RoaringBitmap32 } from 'roaring';
import { mmapIo, PlainIndex } from './plain-index';

const ROOT = join(__dirname, '..', '..');
const TABLE = join(ROOT, 'node_modules', 'vega-datasets', 'data', 'flights-3m.parquet');
const INDEX = join(ROOT, '.build', 'flights.idx');
const COLD_ROUNDS = 5;
const HOT_ROUNDS = 50;

interface Question {
  readonly text: string;
  /** The same for a plain mapping, as the `roaring` package answers it best. */
  readonly plainly: (index: PlainIndex) => RoaringBitmap32;
}

const QUESTIONS: readonly Question[] = [
  {
    text: "origin = 'SEA' and delay > 60",
    plainly: (index) => index.equal('origin', 'SEA').andInPlace(index.atLeast('delay', 61)),
  },
  {
    text: "date = '2001-01-01' and destination in ('SFO', 'OAK', 'SJC')",
    plainly: (index) => index.equal('date', '2001-01-01').andInPlace(index.any('destination', ['SFO', 'OAK', 'SJC'])),
  },
  {
    text: "origin = 'JFK' and destination = 'LAX' and not (delay > 0)",
    plainly: (index) => index.equal('origin', 'JFK').andInPlace(index.equal('destination', 'LAX')).andNotInPlace(index.atLeast('delay', 1)),
  },
  { text: 'delay > 300', plainly: (index) => index.atLeast('delay', 301) },
];

const EXPLANATION = `cold        The index was dropped from memory, then opened and asked; the middle
            of ${COLD_ROUNDS} times. nofault finds out what is missing, asks for just
            that, all at once, and works on what has come while the rest is on
            its way. The mapping (mmap-io's, read by the package roaring) faults
            page by page, and the kernel reads what it guesses comes next.
hot         The middle of ${HOT_ROUNDS} times with all in memory: answered at once, without
            a promise.
hit, missed Pages of bitmaps that the question needs, and whether they were in
            memory. What came in besides is the directory, and, of the mapping,
            what nobody needed.
loop waits  The longest time for which the event loop came to nothing else. The
            mapping holds it all the time.`;

const NEXT = `Ask the index yourself; it stays in .build/flights.idx:
  npx nofault query .build/flights.idx "origin = 'ORD' and delay > 120"
  npx nofault query .build/flights.idx "destination = 'HNL'" --rows 5
  npx nofault query .build/flights.idx "distance > 2500" --explain
  npx nofault inspect .build/flights.idx
Index a table of yours:  npx nofault index FILE --out FILE.idx`;

const HEADING = `${'answer'.padStart(25)}${'hit'.padStart(8)}${'missed'.padStart(8)}${'came in'.padStart(11)}${'time'.padStart(12)}${'loop waits'.padStart(12)}`;
/** Columns of a terminal that has room for a bar behind each row. */
const WIDE = 110;
const LONGEST_BAR = 30;
const BAR = /utf-?8/i.test(process.env.LC_ALL || process.env.LC_CTYPE || process.env.LANG || '') ? '\u25a0' : '#';
const BOLD = 1;
const FAINT = 2;
const GREEN = 32;
const YELLOW = 33;

/** How one question was answered. */
interface Reading {
  readonly answer: number;
  /** Pages of bitmaps; where they are known. */
  readonly hit?: number;
  readonly missed?: number;
  /** Bytes of the index that were not in memory before, and are now. */
  readonly cameIn?: number;
  readonly milliseconds: number;
  readonly longestWait: number;
}

interface Readings {
  readonly cold: Reading;
  readonly hot: Reading;
}

/** What all questions together had to read, and the longest of their waits. */
interface Total {
  bytes: number;
  wait: number;
}

async function main(): Promise<void> {
  if (!existsSync(TABLE)) throw new Error(`${TABLE} is missing: npm install brings it, as a part of vega-datasets`);
  await build();
  const totals = { nofault: { bytes: 0, wait: 0 }, mapping: { bytes: 0, wait: 0 } };
  let wrong = 0;
  for (const [number, question] of QUESTIONS.entries()) wrong += await ask(number, question, totals);
  if (totals.mapping.bytes > 0) sum(totals.nofault, totals.mapping);
  say(EXPLANATION);
  say(`\n${NEXT}`);
  if (wrong === 0) return;
  say(`\n${wrong} answers differed from those of a plain mapping.`);
  process.exitCode = 1;
}

async function build(): Promise<void> {
  say(style(BOLD, 'Three million flights, indexed by date, delay, distance, origin, destination'));
  const idle = await longestWaitDuring(() => sleep(200));
  let peak = 0;
  const look = setInterval(() => {
    peak = Math.max(peak, anonymousBytes());
  }, 20);
  const onProgress = ({ rows }: BuildProgress): void => {
    if (process.stdout.isTTY) process.stdout.write(`\r  rows      ${count(rows)}`);
  };
  const { result, longestWait } = await longestWaitDuring(() => buildIndex(TABLE, INDEX, { onProgress }));
  clearInterval(look);
  if (process.stdout.isTTY) process.stdout.write('\r');
  const { rows, bytes, seconds } = result;
  say(`  rows      ${count(rows)} in ${seconds.toFixed(1)} s: ${count(Math.round(rows / seconds / 1000) * 1000)} a second`);
  say(`  size      ${mebibytes(bytes)}; the table has ${mebibytes(statSync(TABLE).size)}, as compressed Parquet`);
  say(`  memory    ${mebibytes(peak)} at most, of the whole process`);
  say(`  the loop  waited ${milliseconds(longestWait)} at most meanwhile; ${milliseconds(idle.longestWait)} when idle\n`);
}

/** Asks one question in all ways; returns how many of the answers differ from the others. */
async function ask(number: number, { text }: Question, totals: { nofault: Total; mapping: Total }): Promise<number> {
  say(style(BOLD, text));
  say(style(FAINT, HEADING));
  const { cold, hot, stayed } = await askNofault(text);
  const mapping = mmapIo() === undefined ? undefined : await askPlainly(number);
  const waits = [cold, hot, ...(mapping === undefined ? [] : [mapping.cold, mapping.hot])].map(({ longestWait }) => longestWait);
  const longest = Math.max(...waits);
  say(row('cold, nofault', cold, GREEN, longest));
  if (mapping !== undefined) say(row('cold, mapping', mapping.cold, YELLOW, longest));
  say(row('hot, nofault', hot, GREEN, longest));
  if (mapping !== undefined) say(row('hot, mapping', mapping.hot, YELLOW, longest));
  if (stayed > 0) say(`  (${mebibytes(stayed)} of the index could not be dropped from memory)`);
  if (mapping === undefined) {
    say('  (mmap-io could not be built here: there is no plain mapping to compare with)\n');
    return 0;
  }
  for (const [total, reading] of [
    [totals.nofault, cold],
    [totals.mapping, mapping.cold],
  ] as const) {
    total.bytes += reading.cameIn ?? 0;
    total.wait = Math.max(total.wait, reading.longestWait);
  }
  const differing = [cold, hot, mapping.hot].filter(({ answer }) => answer !== mapping.cold.answer).length;
  say(`  ${differing === 0 ? 'the answers are equal' : 'THE ANSWERS DIFFER'}\n`);
  return differing;
}

function sum(nofault: Total, mapping: Total): void {
  say(
    `Cold, all of them: nofault read ${mebibytes(nofault.bytes)}, the mapping ${mebibytes(mapping.bytes)}; the loop waited\n` +
      `for ${milliseconds(nofault.wait)} at most with nofault, for ${milliseconds(mapping.wait)} with the mapping.\n`,
  );
}

async function askNofault(where: string): Promise<Readings & { stayed: number }> {
  const colds: (Reading & { stayed: number })[] = [];
  // The first round is not counted: its code has just been loaded.
  for (let round = 0; round <= COLD_ROUNDS; round++) {
    const stayed = await drop();
    const start = performance.now();
    const { result, longestWait } = await longestWaitDuring(async () => {
      const index = await openIndex(INDEX);
      return { index, answer: await index.count(where), elapsed: performance.now() - start };
    });
    const { index, answer, elapsed } = result;
    const { pageSize, residentBytes } = await residencyOf(INDEX);
    const { pages } = await index.explain(where);
    await index.close();
    const cameIn = Math.max(0, residentBytes - stayed);
    // Nothing was in memory, save for what could not be dropped.
    const missed = Math.min(pages, Math.ceil(cameIn / pageSize));
    if (round > 0) colds.push({ answer, hit: pages - missed, missed, cameIn, milliseconds: elapsed, longestWait, stayed });
  }
  const index = await openIndex(INDEX);
  let answer = await index.count(where);
  const times: number[] = [];
  for (let round = 0; round < HOT_ROUNDS; round++) {
    const from = performance.now();
    answer = index.tryCount(where) ?? (await index.count(where));
    times.push(performance.now() - from);
  }
  const { residentPages, missingPages } = await index.explain(where);
  await index.close();
  const time = middle(times);
  const hot = { answer, hit: residentPages, missed: missingPages, milliseconds: time, longestWait: time };
  const last = colds.at(-1) as Reading & { stayed: number };
  const cold = {
    ...last,
    milliseconds: middle(colds.map(({ milliseconds: each }) => each)),
    longestWait: middle(colds.map((reading) => reading.longestWait)),
  };
  return { cold, hot, stayed: last.stayed };
}

/** In a process of its own, so that neither has the other's pages. */
async function askPlainly(number: number): Promise<Readings> {
  const { stdout } = await promisify(execFile)(process.execPath, [__filename, '--plainly', String(number)]);
  return JSON.parse(stdout) as Readings;
}

async function plainly(number: number): Promise<void> {
  const { PROT_READ, MAP_SHARED, MADV_DONTNEED, map, advise } = mmapIo() as NonNullable<ReturnType<typeof mmapIo>>;
  const question = QUESTIONS[number] as Question;
  const { size } = statSync(INDEX);
  const fd = openSync(INDEX, 'r');
  const mapping = map(size, PROT_READ, MAP_SHARED, fd, 0);
  const times: number[] = [];
  let answer = 0;
  let cameIn = 0;
  for (let round = 0; round <= COLD_ROUNDS; round++) {
    // The kernel does not drop what a process has in its page table.
    advise(mapping, MADV_DONTNEED);
    const stayed = await drop();
    const start = performance.now();
    answer = question.plainly(new PlainIndex(mapping)).size;
    if (round > 0) times.push(performance.now() - start);
    cameIn = (await residencyOf(INDEX)).residentBytes - stayed;
  }
  const cold = middle(times);
  const index = new PlainIndex(mapping);
  const hotTimes: number[] = [];
  for (let round = 0; round < HOT_ROUNDS; round++) {
    const from = performance.now();
    answer = question.plainly(index).size;
    hotTimes.push(performance.now() - from);
  }
  closeSync(fd);
  const hot = middle(hotTimes);
  const readings: Readings = {
    cold: { answer, cameIn, milliseconds: cold, longestWait: cold },
    hot: { answer, milliseconds: hot, longestWait: hot },
  };
  process.stdout.write(JSON.stringify(readings));
}

/** Has the kernel forget the index; how many bytes stay all the same, as on a file system that lives in memory. */
async function drop(): Promise<number> {
  for await (const { error } of evict([INDEX])) if (error) throw error;
  const { residentBytes, unknownBytes } = await residencyOf(INDEX);
  return residentBytes + unknownBytes;
}

function anonymousBytes(): number {
  return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024;
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

/** One line of the table; where there is room, with a bar as long as the loop's wait is beside the question's `longest`. */
function row(label: string, reading: Reading, colour: number, longest: number): string {
  const { answer, hit, missed, cameIn, milliseconds: time, longestWait } = reading;
  const cells = [
    `  ${label.padEnd(13)}${count(answer).padStart(10)}`,
    (hit === undefined ? '' : count(hit)).padStart(8),
    (missed === undefined ? '' : count(missed)).padStart(8),
    (cameIn === undefined ? '' : mebibytes(cameIn)).padStart(11),
    milliseconds(time).padStart(12),
    milliseconds(longestWait).padStart(12),
  ];
  if ((process.stdout.columns ?? 0) < WIDE) return cells.join('');
  const bar = BAR.repeat(Math.round((longestWait / longest) * LONGEST_BAR));
  return bar === '' ? cells.join('') : `${cells.join('')}  ${style(colour, bar)}`;
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** Of little, enough digits that it is not nothing. */
function mebibytes(bytes: number): string {
  const mebi = bytes / 2 ** 20;
  return `${mebi.toFixed(bytes > 0 && mebi < 0.1 ? 2 : 1)} MiB`;
}

function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}

function style(code: number, text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? `\u001b[${code}m${text}\u001b[0m` : text;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

if (process.argv[2] === '--plainly') plainly(Number(process.argv[3])).catch(fail);
else main().catch(fail);
