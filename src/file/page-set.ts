import { invalidArgument, NofaultError } from '../errors';
import { MISSING, RESIDENT } from '../native/file';
import { hold, release } from './arrivals';
import { checkSignal, onAbort } from './cancelling';
import type { GetOptions, PageSet, Places } from './contract';
import type { Dependant, Pages } from './pages';
import { placesIn, placesOf } from './places';
import { notResident, readError, windowError } from './read-errors';
import { Submissions, type Submitter } from './submissions';
import { selected, startOf, type Vector } from './vector';
import { ARRIVED, type Standing, Verdicts } from './verdicts';

/** What became of an entry, beside what the addon and the verdicts know of it. */
const FAILED = 4;
/** It was resident when it was asked for, and failed later. */
const HIT_FAILED = 5;

/** Entries of a set whose arrays V8 keeps on its heap, rather than in memory of their own. */
const SHORT = 16;

/** Entries in a row that were fetched again in vain before the reason is taken to be that no window can be had. */
const PATIENCE = 1000;

/** Entries of a set that are asked about again on the loop when all have arrived, and of those that have arrived when one of them is. */
const ASKED_AGAIN = 1024;
const AHEAD = 256;

/** How many entries may be missing still when those that have arrived are asked about again on a thread. */
const LAST = 512;
/** How long that is enough, in ms. */
const RENEWED = 8;

/**
 * Entries that are asked about before the first misses are fetched; the step after one that had some is twice as long, and else so many times. What is no longer
 * than this is asked about at once.
 */
const FIRST_STEP = 16;
const AFTER_HITS = 8;
const ONE_STEP = 64;

/**
 * Entries after a first step without a hit that keep the device busy while windows are made: of these, what lies in a window that is not mapped yet is fetched
 * unasked.
 */
const FILLING = 112;

/** How long a vector is asked about, in ms, and entries that are always; what is left counts as missing. Less of a vector none of which has been a hit. */
const ASKING = 3;
const ALWAYS_ASKED = 8192;
const COLD = { asking: 0.25, alwaysAsked: 256 };

/** Entries of such a vector that are submitted with what was asked about, so that the device is busy until the next turn. */
const BUSY = 1024;

/** How long iterating goes on without letting the event loop turn, in ms. */
const SLICE = 0.5;

/** Checks the options of a call that may wait. */
export function checkOptions(options: GetOptions): void {
  checkSignal(options);
  const { priority, reader } = options;
  if (reader !== undefined && reader !== 'loop' && reader !== 'thread')
    throw invalidArgument('options.reader', "'loop' or 'thread'", reader);
  if (priority !== undefined && priority !== 'interactive' && priority !== 'scan') {
    throw invalidArgument('options.priority', "'interactive' or 'scan'", priority);
  }
}

/** Checks the number of an entry. */
export function checkEntry(entry: number, length: number): void {
  if (typeof entry !== 'number' || !Number.isInteger(entry)) throw invalidArgument('entry', 'the number of an entry', entry);
  if (entry < 0 || entry >= length)
    throw new NofaultError('OUT_OF_RANGE', `entry ${entry} is not in the vector, which has ${length} entries`);
}

/** A vector's answer. Asks about all of it when it is made, and has the fetcher bring in what is missing. */
export class VectorPageSet implements PageSet, Submitter, Dependant {
  readonly length: number;
  readonly hits: number;
  readonly #pages: Pages;
  readonly #vector: Vector;
  readonly #states: Uint8Array;
  readonly #verdicts: Verdicts;
  readonly #standing: Standing;
  readonly #errors = new Map<number, unknown>();
  /** Entries that have arrived or failed, in that order, and how many. */
  readonly #log: Uint32Array | number[];
  #logged = 0;
  #pending = 0;
  #fetching = false;
  readonly #submissions: Submissions;
  #uncancel: (() => void) | undefined;
  #arrived: Promise<PageSet> | undefined;
  /** Entries that have arrived are being asked about again. */
  #renewal: Promise<void> | undefined;
  #renewed = Number.NaN;
  /** Who waits for the next entry, and for all of them. */
  #listeners: (() => void)[] = [];
  #patient: (() => void)[] = [];

  /** `file` is held as long as this set is: a file that nobody holds is let go. */
  constructor(
    pages: Pages,
    vector: Vector,
    options: GetOptions,
    readonly file: object,
  ) {
    const { length } = vector;
    // What is long in one piece of memory, for V8 counts pieces; what is short lies on its heap.
    const memory = length > SHORT ? new ArrayBuffer(5 * length) : undefined;
    const states = memory ? new Uint8Array(memory, 4 * length) : new Uint8Array(length);
    this.#log = memory ? new Uint32Array(memory, 0, length) : [];
    this.#pages = pages;
    this.#vector = vector;
    this.#states = states;
    const scan = options.priority === 'scan';
    this.#submissions = new Submissions(pages, vector, scan, this);
    const standing = pages.standing(scan, options.reader === 'thread');
    this.#standing = standing;
    this.#verdicts = new Verdicts(pages, vector, states, standing);
    this.length = length;
    let hits = 0;
    let byBoard = 0;
    // In steps, so that the device works on what is missing while the rest is asked about.
    const start = performance.now();
    for (let from = 0, step = length <= ONE_STEP ? ONE_STEP : FIRST_STEP; from < length; ) {
      const { asking, alwaysAsked } = hits > 0 ? { asking: ASKING, alwaysAsked: ALWAYS_ASKED } : COLD;
      if (from >= alwaysAsked && performance.now() - start > asking) {
        if (this.#begin(length - from, options)) this.#submissions.submitRest(from, hits > 0 ? 0 : BUSY, 0);
        break;
      }
      const filling = from === FIRST_STEP && hits === 0 && standing === 'board';
      const to = Math.min(from + (filling ? FILLING : step), length);
      byBoard += pages.askOpen(vector.first, vector.count, states, standing, from, to, !filling);
      const missing: number[] = [];
      for (let entry = from; entry < to; entry++) {
        if (states[entry] === RESIDENT) hits++;
        else if (states[entry] === MISSING) missing.push(entry);
        else this.#failMarked(entry);
      }
      if (missing.length > 0 && this.#begin(missing.length, options)) this.#submissions.submit(missing, filling);
      if (filling) pages.makeWindows(vector.first, missing);
      from = to;
      step *= missing.length > 0 ? 2 : AFTER_HITS;
      // Threads find out about the rest as well, and map it: what a thread reads need not be known to be here.
      if (missing.length > 0 && standing === 'thread' && from < length) {
        if (this.#begin(length - from, options)) this.#submissions.submitRest(from, length);
        break;
      }
    }
    this.hits = hits;
    pages.counts.boardHits += byBoard;
    pages.counts.kernelHits += hits - byBoard;
    pages.counts.missed(length - hits, length);
    if (options.signal?.aborted) this.fail(options.signal.reason);
  }

  /** What is there in place of this entry is the guard's, and fetching would not bring the file's bytes. */
  #failMarked(entry: number): void {
    this.#fail(entry, this.#pages.markError(this.#vector.first[entry] as number, this.#vector.count[entry] as number));
    this.#log[this.#logged++] = entry;
  }

  get misses(): number {
    return this.length - this.hits;
  }

  get complete(): boolean {
    return this.#pending === 0;
  }

  isHit(entry: number): boolean {
    checkEntry(entry, this.length);
    return this.#wasHit(entry);
  }

  /** The entry's bytes if they are here now; throws its own error when it failed. */
  tryBytes(entry: number): Uint8Array | undefined {
    this.#pages.assertOpen();
    if (this.#failed(entry)) throw this.#errors.get(entry);
    return this.#verdicts.bytes(entry);
  }

  bytes(entry: number): Uint8Array {
    checkEntry(entry, this.length);
    const bytes = this.tryBytes(entry);
    if (bytes !== undefined) return bytes;
    if (!this.#pages.hasWindow(this.#vector.first[entry] as number)) throw windowError(this.#pages.path);
    throw notResident(entry, startOf(this.#vector, entry, this.#pages), this.#pages.path, this.#states[entry] !== MISSING);
  }

  places(): Places {
    this.#pages.assertOpen();
    return (this.#verdicts.allStandForGood() ? placesIn(this.#pages, this.#vector) : undefined) ?? placesOf(this);
  }

  get arrived(): Promise<PageSet> {
    this.#arrived ??= this.#allArrived();
    return this.#arrived;
  }

  async #allArrived(): Promise<PageSet> {
    hold();
    try {
      if (!this.#isDecided()) await new Promise<void>((resolve) => this.#patient.push(resolve));
    } finally {
      release();
    }
    for (const error of this.#errors.values()) throw error;
    // Whoever waited for all of it will now read all of it, and what arrived first may have left again. A thread asks, most of it while the last entries are
    // on their way; or one question is asked for all.
    if (this.#renewal !== undefined) await this.#renewal;
    if (!(performance.now() - this.#renewed < RENEWED)) await this.#renew();
    if (this.#standing === 'turn' && this.length <= ASKED_AGAIN && !this.#pages.closed) this.#verdicts.askRun(0, this.length);
    return this;
  }

  #renew(): Promise<void> | undefined {
    this.#renewed = performance.now();
    this.#renewal = this.#verdicts.renew();
    return this.#renewal;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<number, void, undefined> {
    // An entry that left memory before its turn is fetched again by a set of its own, and yielded when it is back.
    let away = 0;
    let tries = 0;
    const back: number[] = [];
    let wake = (): void => {};
    const fetchAgain = (entry: number): void => {
      const first = this.#vector.first[entry] as number;
      if (++tries > PATIENCE && !this.#pages.hasWindow(first)) {
        this.#fail(entry, windowError(this.#pages.path));
        back.push(entry);
        return;
      }
      away++;
      const again = new VectorPageSet(this.#pages, selected(this.#vector, [entry]), {}, this.file);
      const over = (): void => {
        away--;
        back.push(entry);
        wake();
      };
      const arrived = (): void => {
        this.#verdicts.arrived(entry, again.#verdicts.asOf(0));
        over();
      };
      again.arrived.then(arrived, (error) => {
        this.#fail(entry, error);
        over();
      });
    };
    // A thousand entries may arrive in one turn: others want theirs too.
    let turn = performance.now();
    const mayGoOn = (): boolean => performance.now() - turn < SLICE;
    const nextTurn = async (): Promise<void> => {
      await new Promise(setImmediate);
      turn = performance.now();
    };
    for (let entry = 0; entry < this.length; entry++) {
      if (!this.#wasHit(entry)) continue;
      if (!mayGoOn()) await nextTurn();
      if (this.#ready(entry)) yield entry;
      else fetchAgain(entry);
    }
    for (let next = 0; ; ) {
      if (!mayGoOn()) await nextTurn();
      const entry = back.shift() ?? (next < this.#logged ? (this.#log[next++] as number) : undefined);
      if (entry !== undefined) {
        if (next < this.#logged && !this.#verdicts.stands(entry)) this.#askAhead(next - 1);
        if (this.#ready(entry)) {
          tries = 0;
          yield entry;
        } else {
          fetchAgain(entry);
        }
      } else if (away === 0 && this.complete) {
        return;
      } else {
        // Only while it waits, not while its caller works: nobody may ever ask for the next entry.
        hold();
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (!this.complete) this.#listeners.push(resolve);
        });
        release();
        turn = performance.now();
      }
    }
  }

  /** Whether an entry can be yielded: its bytes are here in this turn, or asking for them gives an error that will not go away. */
  #ready(entry: number): boolean {
    if (this.#failed(entry) || this.#pages.closed) return true;
    try {
      return this.#verdicts.bytes(entry) !== undefined;
    } catch (error) {
      this.#fail(entry, error);
      return true;
    }
  }

  /** Asks about the next entries that have arrived, from place `from` in the log on, in one go. */
  #askAhead(from: number): void {
    if (this.#pages.closed) return;
    const some: number[] = [];
    for (let i = from; i < Math.min(from + AHEAD, this.#logged); i++) {
      const entry = this.#log[i] as number;
      if (this.#states[entry] === ARRIVED) some.push(entry);
    }
    this.#verdicts.ask(some);
  }

  /** So many more entries are missing. False when nothing is to be fetched. */
  #begin(missing: number, { signal }: GetOptions): boolean {
    this.#pending += missing;
    // Fails at the end, all in one go.
    if (signal?.aborted) return false;
    if (!this.#fetching) {
      this.#fetching = true;
      this.#pages.depend(this);
      if (signal) this.#uncancel = onAbort(signal, () => this.fail(signal.reason));
    }
    this.#pages.counts.inFlight += missing;
    return true;
  }

  settle(entry: number, errno: number, badOffset: number, truncated: boolean, asOf: number): void {
    this.over(entry, badOffset < 0 ? undefined : readError(this.#pages.path, errno, badOffset, truncated), asOf);
  }

  /** An entry that was being fetched has arrived, mapped as of then, or has failed. */
  over(entry: number, error: NofaultError | undefined, asOf = Number.NaN): void {
    this.#pending--;
    this.#pages.counts.inFlight--;
    if (error === undefined) {
      this.#states[entry] = ARRIVED;
      this.#verdicts.arrived(entry, asOf);
    } else {
      this.#fail(entry, error);
    }
    this.#log[this.#logged++] = entry;
  }

  settled(): void {
    if (this.complete) this.#finish();
    else if (this.#arrived !== undefined && Number.isNaN(this.#renewed) && this.#pending <= LAST) this.#renew();
    this.#tell();
  }

  /** Fails everything that is still missing. */
  fail(reason: unknown): void {
    if (this.complete) return;
    if (this.#fetching) this.#pages.counts.inFlight -= this.#pending;
    this.#submissions.cancel();
    for (let entry = 0; entry < this.length; entry++) {
      if (this.#states[entry] !== MISSING) continue;
      this.#states[entry] = FAILED;
      this.#errors.set(entry, reason);
      this.#log[this.#logged++] = entry;
    }
    this.#pending = 0;
    this.#finish();
    this.#tell();
  }

  #wasHit(entry: number): boolean {
    return this.#states[entry] === RESIDENT || this.#states[entry] === HIT_FAILED;
  }

  #failed(entry: number): boolean {
    return (this.#states[entry] as number) >= FAILED;
  }

  #fail(entry: number, error: unknown): void {
    this.#states[entry] = this.#wasHit(entry) ? HIT_FAILED : FAILED;
    this.#errors.set(entry, error);
    if (!this.#pages.closed && error instanceof NofaultError) this.#pages.counts.failed(error);
  }

  #finish(): void {
    this.#submissions.forget();
    this.#uncancel?.();
    this.#pages.settled(this);
  }

  /** Whether nothing is waited for any more. */
  #isDecided(): boolean {
    return this.complete || this.#errors.size > 0;
  }

  #tell(): void {
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
    if (!this.#isDecided()) return;
    for (const listener of this.#patient) listener();
    this.#patient = [];
  }
}
