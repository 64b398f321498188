import { performance } from 'node:perf_hooks';
import { addon } from '../native';

/**
 * The verdicts on the pages of one window that still stand, in memory that the addon's threads share: they note what has become resident, and the watch
 * takes off what has left. Reading it calls nobody. The first number is when the oldest of the verdicts was given, the second when this side last relied on
 * one, in ms of a clock that wraps around; then comes a bit for each page of the window.
 */
export type Board = Int32Array;

const AS_OF = 0;
const USED = 1;
const STAMPS = 2;

/** Hits that rely on one look at the clock, besides the one that looked. */
const CREDIT = 15;

/** How much longer than the watch's beat nobody may notice that time passes, in ms: the watch works between two beats. */
const BETWEEN_BEATS = 1;

/**
 * Whether a plain read is enough for a stamp that has to be read before the bits. On x64 no processor lets a read overtake another one, and V8 leaves reads
 * of shared memory where they are when a branch lies between them. Others need `Atomics.load`, which V8 does not compile into the caller.
 */
const READS_IN_ORDER = process.arch === 'x64';

const elapsed = performance.now.bind(performance);
/** From this environment's clock to the boards'. Known before any board is. */
let ahead = 0;
let oldest = 0;
/** The watch's beat and how long it is; what it was when the clock was last looked at, the latest that it can be since, and how many hits may rely on that. */
let beat: Int32Array = new Int32Array(1);
let beatLength = 0;
let seenBeat = 0;
let atLatest = 0;
let credit = 0;

/** `memory` is what placing a window has returned. */
export function boardIn(memory: Buffer): Board {
  if (oldest === 0) {
    oldest = addon().oldestVerdict;
    const { buffer, byteOffset } = addon().beat;
    beat = new Int32Array(buffer, byteOffset, 1);
    beatLength = addon().beatLength + BETWEEN_BEATS;
    // In this order: what passes in between makes verdicts seem older.
    const here = elapsed();
    ahead = addon().clock() - here;
  }
  return new Int32Array(memory.buffer, memory.byteOffset, memory.byteLength / Int32Array.BYTES_PER_ELEMENT);
}

/** Now, as boards hold it. Only once a window has been made. */
export function clock(): number {
  return (elapsed() + ahead) | 0;
}

/**
 * Now, as boards hold it, or a few ms later. A look at the clock costs as much as everything else in a hit, and the processor lets no reads of memory overlap
 * across it. So one look serves several hits in a row, while the watch's beat says that nearly no time passes.
 */
export function latest(): number {
  if (credit === 0 || beat[0] !== seenBeat) return look();
  credit--;
  return atLatest;
}

function look(): number {
  // The beat before the clock: what passes in between makes verdicts seem older.
  seenBeat = Atomics.load(beat, 0);
  credit = seenBeat === 0 ? 0 : CREDIT;
  const time = clock();
  atLatest = (time + beatLength) | 0;
  return time;
}

/** Whether a verdict of that time, as boards hold it, is young enough still. Only once a window has been made. */
export function stillYoung(asOf: number): boolean {
  return ((latest() - asOf) | 0) <= oldest;
}

/** When the oldest of the board's verdicts was given. The bits may be looked at only behind a branch on it: they are cleared before a board becomes young again. */
function stampOf(board: Board): number {
  return READS_IN_ORDER ? (board[AS_OF] as number) : Atomics.load(board, AS_OF);
}

/** Whether the board, if it is young enough at `time`, says that page `at` of its window is resident. */
export function onBoard(board: Board, at: number, time: number): boolean {
  if (((time - stampOf(board)) | 0) > oldest) return false;
  board[USED] = time;
  return (((board[STAMPS + (at >>> 5)] as number) >>> (at & 31)) & 1) === 1;
}

/** Whether the board says now that `count` pages, at least 1, from page `at` of its window on are resident. */
export function allStand(board: Board, at: number, count: number): boolean {
  const asOf = stampOf(board);
  const time = latest();
  // What the latest time makes too old may be young enough by the clock.
  if (((time - asOf) | 0) > oldest && ((look() - asOf) | 0) > oldest) return false;
  board[USED] = time;
  return count === 1 ? (((board[STAMPS + (at >>> 5)] as number) >>> (at & 31)) & 1) === 1 : allSet(board, at, count);
}

function allSet(board: Board, at: number, count: number): boolean {
  for (let page = at, end = at + count; page < end; ) {
    const bit = page & 31;
    const bits = Math.min(32 - bit, end - page);
    const mask = bits === 32 ? -1 : ((1 << bits) - 1) << bit;
    if (((board[STAMPS + (page >>> 5)] as number) & mask) !== mask) return false;
    page += bits;
  }
  return true;
}
