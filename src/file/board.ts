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
}

const AS_OF = 0;
const USED = 1;
const STAMPS = 2;

const elapsed = performance.now.bind(performance);
/** From this environment's clock to the boards'. Known before any board is. */
let ahead = 0;
let oldest = 0;

/** `memory` is what placing a window has returned. */
export function boardIn(memory: Buffer): Board {
  if (oldest === 0) {
    oldest = addon().oldestVerdict;
    // In this order: what passes in between makes verdicts seem older.
    const here = elapsed();
    ahead = addon().clock() - here;
  }
  const words = memory.byteLength / Uint32Array.BYTES_PER_ELEMENT - STAMPS;
  return {
    stamps: new Int32Array(memory.buffer, memory.byteOffset, STAMPS),
    words: new Uint32Array(memory.buffer, memory.byteOffset + STAMPS * Int32Array.BYTES_PER_ELEMENT, words),
  };
}

/** The boards' time, for `allStand`. */
export function boardTime(): number {
  return (elapsed() + ahead) | 0;
}

/** Whether the board's verdicts are young enough at `time`, and if so notes that they are used. Its bits may be looked at only afterwards. */
export function use({ stamps }: Board, time: number): boolean {
  // The stamp before the bits, on every processor: bits are cleared before a board becomes young again.
  if (((time - Atomics.load(stamps, AS_OF)) | 0) > oldest) return false;
  stamps[USED] = time;
  return true;
}

/** Whether the board says at `time` that `count` pages, at least 1, from page `at` of its window on are resident. */
export function allStand(board: Board, at: number, count: number, time: number): boolean {
  const { words } = board;
  if (!use(board, time)) return false;
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
