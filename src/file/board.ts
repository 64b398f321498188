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
/** From this environment's clock to the boards'. Known before any board is. */
let ahead = 0;
let oldest = 0;
/** The watch's beat and how long it is; what it was when the clock was last looked at, the bound that came of that, and how many hits may rely on it. */
let beat: Int32Array = new Int32Array(1);
let beatLength = 0;
let seenBeat = 0;
let since = 0;
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
 * What is older than this must not be believed now. Means nothing before a window has been made.
 *
 * A look at the clock costs as much as everything else in a hit, and the processor lets no reads of memory overlap across it. So one look serves several
 * calls in a row, for as long as the watch's beat says that nearly no time passes: the bound is that of the latest time which it can be by then.
 */
export function bound(): number {
  // A plain read, which may see a beat that is over: then the credit ends it.
  if (credit === 0 || beat[0] !== seenBeat) return look();
  credit--;
  return since;
}

function look(): number {
  // The beat before the clock: what passes in between makes verdicts seem older.
  seenBeat = Atomics.load(beat, 0);
  credit = seenBeat === 0 ? 0 : CREDIT;
  since = (clock() + (seenBeat === 0 ? 0 : beatLength) - oldest) | 0;
  return since;
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

/** Whether page `at` of the window is on the board, which has been found young. */
export function has(board: Board, at: number): boolean {
  return (((board[STAMPS + (at >>> 5)] as number) >>> (at & 31)) & 1) === 1;
}

/** Whether the board, if none of its verdicts is older than `since`, says that page `at` of its window is resident. `since` is what `bound` has just said. */
export function onBoard(watched: Watched, at: number, since: number): boolean {
  // Looked at once for each bound: as long as that serves, the board does not grow too old.
  return (watched.since === since || young(watched, since)) && has(watched.board, at);
}

/** Whether the board's verdicts are young enough, and if so notes that they are used. Its bits may be looked at only afterwards. */
function young(watched: Watched, since: number): boolean {
  const { board } = watched;
  // The stamp before the bits, on every processor: bits are cleared before a board becomes young again.
  if (((Atomics.load(board, AS_OF) - since) | 0) < 0) return false;
  watched.since = since;
  board[USED] = (since + oldest) | 0;
  return true;
}

/** Whether the board says now that `count` pages, at least 1, from page `at` of its window on are resident. `since` is what `bound` has just said. */
export function allStand(watched: Watched, at: number, count: number, since: number): boolean {
  // What the latest time makes too old may be young enough by the clock.
  if (watched.since !== since && !young(watched, since) && !young(watched, (clock() - oldest) | 0)) return false;
  return count === 1 ? has(watched.board, at) : allSet(watched.board, at, count);
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
