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

const elapsed = performance.now.bind(performance);

/** The boards' clock, and the last look at it. One object, whose fields V8 reads without asking whether they are there. */
const time = {
  /** From this environment's clock to the boards'. Known before any board is. */
  ahead: 0.5,
  oldest: 0,
  /** The watch's beat, how long it is, and what it was when the clock was last looked at. */
  beat: new Int32Array(1) as Int32Array,
  beatLength: 0,
  seen: 0,
  /** The bound that came of that look, and how many calls may rely on it. */
  since: 0,
  credit: 0,
};

/** `memory` is what placing a window has returned. */
export function boardIn(memory: Buffer): Board {
  if (time.oldest === 0) {
    time.oldest = addon().oldestVerdict;
    const { buffer, byteOffset } = addon().beat;
    time.beat = new Int32Array(buffer, byteOffset, 1);
    time.beatLength = addon().beatLength + BETWEEN_BEATS;
    // In this order: what passes in between makes verdicts seem older.
    const here = elapsed();
    time.ahead = addon().clock() - here;
  }
  return new Int32Array(memory.buffer, memory.byteOffset, memory.byteLength / Int32Array.BYTES_PER_ELEMENT);
}

/** Now, as boards hold it. Only once a window has been made. */
export function clock(): number {
  return (elapsed() + time.ahead) | 0;
}

/**
 * What is older than this must not be believed now. Means nothing before a window has been made.
 *
 * A look at the clock costs as much as everything else in a hit, and the processor lets no reads of memory overlap across it. So one look serves several
 * calls in a row, for as long as the watch's beat says that nearly no time passes: the bound is that of the latest time which it can be by then.
 */
export function bound(): number {
  // A plain read, which may see a beat that is over: then the credit ends it.
  if (time.credit === 0 || time.beat[0] !== time.seen) look();
  else time.credit--;
  return time.since;
}

function look(): void {
  // The beat before the clock: what passes in between makes verdicts seem older.
  const beat = Atomics.load(time.beat, 0);
  time.seen = beat;
  time.credit = beat === 0 ? 0 : CREDIT;
  time.since = (clock() + (beat === 0 ? 0 : time.beatLength) - time.oldest) | 0;
}

/** Whether a verdict of that time, as boards hold it, is young enough still. Only once a window has been made. */
export function stillYoung(asOf: number): boolean {
  return ((asOf - bound()) | 0) >= 0;
}

/** A board, and the bound by which it was last found young. */
export interface Watched {
  readonly board: Board;
  since: number;
}

/** The bit of page `at` of the window, 0 or 1. The board must have been found young. */
export function bitOf(board: Board, at: number): number {
  return ((board[STAMPS + (at >>> 5)] as number) >>> (at & 31)) & 1;
}

/**
 * Whether none of the board's verdicts is older than `since`, which is what `bound` has just said, and if so notes that they are used. Its bits may be looked at
 * only afterwards. Need not be asked again by the same bound: as long as that serves, the board does not grow too old.
 */
export function young(watched: Watched, since: number): boolean {
  const { board } = watched;
  // The stamp before the bits, on every processor: bits are cleared before a board becomes young again.
  if (((Atomics.load(board, AS_OF) - since) | 0) < 0) return false;
  watched.since = since;
  board[USED] = (since + time.oldest) | 0;
  return true;
}

/** Whether the board says now that `count` pages, at least 1, from page `at` of its window on are resident. `since` is what `bound` has just said. */
export function allStand(watched: Watched, at: number, count: number, since: number): boolean {
  // What the latest time makes too old may be young enough by the clock.
  if (watched.since !== since && !young(watched, since) && !young(watched, (clock() - time.oldest) | 0)) return false;
  return count === 1 ? bitOf(watched.board, at) === 1 : allSet(watched.board, at, count);
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
