import { performance } from 'node:perf_hooks';
import { addon } from '../native';

/**
 * The verdicts on the pages of one window that still stand, in memory that the addon's threads share: they note what has become resident, and the watch
 * takes off what has left. Reading it calls nobody.
 */
export interface Board {
  /** When the oldest of its verdicts was given, and when this side last relied on one: in ms of a clock that wraps around. */
  readonly stamps: Int32Array;
  /** A bit for each page of the window. */
  readonly words: Uint32Array;
  /** The stamp that was last found young enough, and how many more hits may rely on that without a look at the clock. */
  asOf: number;
  credit: number;
  /** The call of `Pages.known` that found it young. */
  call: number;
}

const AS_OF = 0;
const USED = 1;
const STAMPS = 2;

/** Hits that rely on one look at the clock, besides the one that looked. */
const CREDIT = 15;

const elapsed = performance.now.bind(performance);
/** From this environment's clock to the boards'. Known before any board is. */
let ahead = 0;
let oldest = 0;
/** The watch's beat and how long it is; what it was when the clock was last looked at, when that was, and how many hits may rely on it. */
let beat: Int32Array = new Int32Array(1);
let beatLength = 0;
let seenBeat = 0;
let lastLook = 0;
let beatCredit = 0;

/** `memory` is what placing a window has returned. */
export function boardIn(memory: Buffer): Board {
  if (oldest === 0) {
    oldest = addon().oldestVerdict;
    const { buffer, byteOffset } = addon().beat;
    beat = new Int32Array(buffer, byteOffset, 1);
    beatLength = addon().beatLength;
    // In this order: what passes in between makes verdicts seem older.
    const here = elapsed();
    ahead = addon().clock() - here;
  }
  const words = memory.byteLength / Uint32Array.BYTES_PER_ELEMENT - STAMPS;
  return {
    stamps: new Int32Array(memory.buffer, memory.byteOffset, STAMPS),
    words: new Uint32Array(memory.buffer, memory.byteOffset + STAMPS * Int32Array.BYTES_PER_ELEMENT, words),
    asOf: 0,
    credit: 0,
    call: 0,
  };
}

/**
 * Whether the board's verdicts are young enough now, and if so notes that they are used. Its bits may be looked at only afterwards.
 *
 * A look at the clock costs as much as everything else here, and the processor lets no reads of memory overlap across it. So one look serves several hits
 * in a row, while the watch, which renews the stamp every few milliseconds, has not come by in between.
 */
export function young(board: Board): boolean {
  // The stamp before the bits, on every processor: bits are cleared before a board becomes young again.
  const asOf = Atomics.load(board.stamps, AS_OF);
  if (asOf !== board.asOf || board.credit === 0) return renewed(board, asOf);
  board.credit--;
  return true;
}

/** Now, as boards hold it. Only once a window has been made. */
export function clock(): number {
  return (elapsed() + ahead) | 0;
}

/** Whether a verdict of that time, as boards hold it, is young enough still. Only once a window has been made. */
export function stillYoung(asOf: number): boolean {
  return ((latest() - asOf) | 0) <= oldest;
}

/** A time that has not passed yet, or just has: one look at the clock serves several hits while the watch's beat says that nearly no time passes. */
function latest(): number {
  const now = Atomics.load(beat, 0);
  if (now !== seenBeat || beatCredit === 0) {
    seenBeat = now;
    beatCredit = now === 0 ? 0 : CREDIT;
    lastLook = clock();
    return lastLook;
  }
  beatCredit--;
  return lastLook + beatLength;
}

function renewed(board: Board, asOf: number): boolean {
  const time = clock();
  if (((time - asOf) | 0) > oldest) {
    board.credit = 0;
    return false;
  }
  board.asOf = asOf;
  board.credit = CREDIT;
  board.stamps[USED] = time;
  return true;
}

/** Whether the board says that `count` pages, at least 1, from page `at` of its window on are resident. */
export function allStand(board: Board, at: number, count: number): boolean {
  if (!young(board)) return false;
  const { words } = board;
  return count === 1 ? (((words[at >>> 5] as number) >>> (at & 31)) & 1) === 1 : allSet(words, at, count);
}

function allSet(words: Uint32Array, at: number, count: number): boolean {
  for (let page = at, end = at + count; page < end; ) {
    const bit = page & 31;
    const bits = Math.min(32 - bit, end - page);
    const mask = bits === 32 ? -1 : ((1 << bits) - 1) << bit;
    if (((words[page >>> 5] as number) & mask) !== mask) return false;
    page += bits;
  }
  return true;
}
