import type { NofaultError } from '../errors';
import { expect, forget, type Recipient } from './arrivals';
import type { Pages } from './pages';
import type { Vector } from './vector';

/** How long one turn makes windows for what is submitted, in ms. */
const MAKING = 0.5;

/** Entries of the rest of a vector that are submitted in one turn. */
const SUBMITTED = 4096;

/**
 * Entries on their way into the addon, which copies them. Made once: after windows, which V8 takes for young memory, the next array would have it collect
 * garbage, twice a turn.
 */
let entries = new Uint32Array(SUBMITTED);

function roomFor(count: number): void {
  if (count > entries.length) entries = new Uint32Array(2 * count);
}

/** Who waits for the entries. */
export interface Submitter extends Recipient {
  /** Whether nothing is waited for any more. */
  readonly complete: boolean;
  /** An entry that was not submitted is over: nothing of it has to be read, or it cannot be. */
  over(entry: number, error: NofaultError | undefined): void;
}

/** Submits missing entries of one vector to the fetcher, over several turns of the event loop where there are many or their windows have to be made first. */
export class Submissions {
  readonly #pages: Pages;
  readonly #vector: Vector;
  readonly #scan: boolean;
  readonly #submitter: Submitter;
  /** What the fetcher knows them by. */
  readonly #requests: number[] = [];

  constructor(pages: Pages, vector: Vector, scan: boolean, submitter: Submitter) {
    this.#pages = pages;
    this.#vector = vector;
    this.#scan = scan;
    this.#submitter = submitter;
  }

  /** Submits these entries; those whose window is not mapped in the next turns, unless `unmapped`: it is going to be mapped while they are on their way. */
  submit(missing: readonly number[], unmapped = false): void {
    this.#submitSome(missing, 0, unmapped);
  }

  /** Submits all entries from `from` on: so many `now`, at most 4096, for whose windows it has so long, and some in each of the next turns. */
  submitRest(from: number, now = 0, nowMaking = MAKING): void {
    const { count, length } = this.#vector;
    let next = from;
    const submitSome = (most = SUBMITTED, making = MAKING): void => {
      if (this.#submitter.complete) return;
      let some = 0;
      for (const to = Math.min(next + most, length); next < to; next++) {
        if (count[next] === 0) this.#submitter.over(next, undefined);
        else entries[some++] = next;
      }
      this.#submit(some, making);
      this.#submitter.settled();
      if (next < length) setImmediate(submitSome);
    };
    if (now > 0) submitSome(Math.min(now, SUBMITTED), nowMaking);
    else setImmediate(submitSome);
  }

  /** What has not been started is not, and nothing more is told. */
  cancel(): void {
    for (const request of this.#requests) this.#pages.native.cancel(request);
  }

  /** Nothing more is told. */
  forget(): void {
    for (const request of this.#requests) forget(request);
  }

  #submitSome(some: readonly number[], making: number, unmapped = false): void {
    roomFor(some.length);
    entries.set(some);
    this.#submit(some.length, making, unmapped);
  }

  /**
   * Submits the first `length` of `entries`: at once those whose window is mapped, or all, for only they can be mapped as they arrive. The others' windows are
   * made first, for `making` ms now and some more in each turn.
   */
  #submit(length: number, making: number, unmapped = false): void {
    const { first, count } = this.#vector;
    const stop = performance.now() + making;
    const later: number[] = [];
    let cutOff: Map<number, NofaultError> | undefined;
    let n = 0;
    for (let i = 0; i < length; i++) {
      const entry = entries[i] as number;
      const page = first[entry] as number;
      // Only after a refresh that found the file shorter: the others were checked when they were asked for.
      const cut = this.#pages.cutOff(page, count[entry] as number);
      if (cut !== undefined) {
        cutOff ??= new Map();
        cutOff.set(entry, cut);
        continue;
      }
      if (unmapped || this.#pages.isMapped(page)) {
        entries[n++] = entry;
      } else if (making > 0 && performance.now() < stop) {
        // Where no window can be had now, the bytes at least come into memory.
        this.#pages.hasWindow(page);
        entries[n++] = entry;
      } else {
        later.push(entry);
      }
    }
    if (n > 0) {
      const request = this.#pages.native.fetch(entries.subarray(0, n), first, count, this.#scan);
      expect(request, this.#submitter);
      this.#requests.push(request);
    }
    if (cutOff !== undefined) {
      for (const [entry, error] of cutOff) this.#submitter.over(entry, error);
      this.#submitter.settled();
    }
    if (later.length > 0) {
      setImmediate(() => {
        if (!this.#submitter.complete) this.#submitSome(later, MAKING);
      });
    }
  }
}
