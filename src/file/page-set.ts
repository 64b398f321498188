import { invalidArgument, NofaultError } from '../errors';
import { expect, forget, hold, type Recipient, release } from './arrivals';
import { checkSignal, onAbort } from './cancelling';
import type { GetOptions, PageSet } from './contract';
import type { Dependant, Pages } from './pages';
import { selected, startOf, type Vector } from './vector';
import { Verdicts } from './verdicts';

/** What is known of an entry. */
const MISSING = 0;
const HIT = 1;
const ARRIVED = 2;
const FAILED = 3;

/** Entries in a row that were fetched again in vain before the reason is taken to be that no window can be had. */
const PATIENCE = 1000;

/** Entries of a set that are asked about again when all have arrived, and of those that have arrived when one of them is. */
const ASKED_AGAIN = 1024;
const AHEAD = 256;

/** How long one turn makes windows for misses, in ms. */
const MAKING = 0.5;

/** How long iterating goes on without letting the event loop turn, in ms. */
const SLICE = 0.5;

/** Checks the options of a call that may wait. */
export function checkOptions(options: GetOptions): void {
  checkSignal(options);
  const { priority } = options;
  if (priority !== undefined && priority !== 'interactive' && priority !== 'scan') {
    throw invalidArgument('options.priority', "'interactive' or 'scan'", priority);
  }
}

/** A vector's answer. Asks about all of it when it is made, and has the fetcher bring in what is missing. */
export class VectorPageSet implements PageSet, Recipient, Dependant {
  readonly length: number;
  readonly hits: number;
  readonly #pages: Pages;
  readonly #vector: Vector;
  readonly #states: Uint8Array;
  readonly #verdicts: Verdicts;
  readonly #errors = new Map<number, unknown>();
  /** Entries that have arrived or failed, in that order. */
  readonly #log: number[] = [];
  #pending: number;
  #fetching = false;
  /** What the fetcher knows this set's misses by. */
  readonly #requests: number[] = [];
  #uncancel: (() => void) | undefined;
  #arrived: Promise<PageSet> | undefined;
  #listeners: (() => void)[] = [];

  /** `file` is held as long as this set is: a file that nobody holds is let go. */
  constructor(
    pages: Pages,
    vector: Vector,
    options: GetOptions,
    readonly file: object,
  ) {
    const { states, hits } = pages.ask(vector);
    this.#pages = pages;
    this.#vector = vector;
    this.#states = states;
    this.#verdicts = new Verdicts(pages, vector, states);
    this.length = vector.length;
    this.hits = hits;
    this.#pending = this.length - hits;
    pages.hits += hits;
    pages.misses += this.#pending;
    if (this.#pending > 0) this.#fetch(options);
  }

  get misses(): number {
    return this.length - this.hits;
  }

  get complete(): boolean {
    return this.#pending === 0;
  }

  isHit(entry: number): boolean {
    this.#check(entry);
    return this.#states[entry] === HIT;
  }

  /** The entry's bytes if they are here now; throws its own error when it failed. */
  tryBytes(entry: number): Uint8Array | undefined {
    this.#pages.assertOpen();
    if (this.#states[entry] === FAILED) throw this.#errors.get(entry);
    return this.#verdicts.bytes(entry);
  }

  bytes(entry: number): Uint8Array {
    this.#check(entry);
    const bytes = this.tryBytes(entry);
    if (bytes !== undefined) return bytes;
    if (!this.#pages.hasWindow(this.#vector.first[entry] as number)) throw this.#pages.windowError();
    const { path } = this.#pages;
    const offset = startOf(this.#vector, entry, this.#pages);
    const why = this.#states[entry] === MISSING ? 'has not arrived yet' : 'has left memory again: ask for it anew';
    throw new NofaultError('NOT_RESIDENT', `entry ${entry} (byte ${offset} of ${path}) ${why}`, { path, offset });
  }

  get arrived(): Promise<PageSet> {
    this.#arrived ??= this.#allArrived();
    return this.#arrived;
  }

  async #allArrived(): Promise<PageSet> {
    hold();
    try {
      while (this.#errors.size === 0 && !this.complete) await this.#change();
    } finally {
      release();
    }
    for (const error of this.#errors.values()) throw error;
    // Whoever waited for all of it will now read all of it. What arrived first may have left again, and one question for all is cheaper than one for each.
    if (this.length <= ASKED_AGAIN && !this.#pages.closed) this.#verdicts.askRun(0, this.length);
    return this;
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
        this.#fail(entry, this.#pages.windowError());
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
      again.arrived.then(over, (error) => {
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
      if (this.#states[entry] !== HIT) continue;
      if (!mayGoOn()) await nextTurn();
      if (this.#ready(entry)) yield entry;
      else fetchAgain(entry);
    }
    for (let next = 0; ; ) {
      if (!mayGoOn()) await nextTurn();
      const entry = back.shift() ?? (next < this.#log.length ? (this.#log[next++] as number) : undefined);
      if (entry !== undefined) {
        if (next < this.#log.length && !this.#verdicts.stands(entry)) this.#askAhead(next - 1);
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
    return this.#states[entry] === FAILED || this.#pages.closed || this.#verdicts.bytes(entry) !== undefined;
  }

  /** Asks about the next entries that have arrived, from place `from` in the log on, in one go. */
  #askAhead(from: number): void {
    if (!this.#pages.closed) this.#verdicts.ask(this.#log.slice(from, from + AHEAD).filter((entry) => this.#states[entry] === ARRIVED));
  }

  #fetch({ signal, priority }: GetOptions): void {
    if (signal?.aborted) {
      this.fail(signal.reason);
      return;
    }
    const entries = new Uint32Array(this.#pending);
    for (let entry = 0, at = 0; entry < this.length; entry++) {
      if (this.#states[entry] === MISSING) entries[at++] = entry;
    }
    this.#fetching = true;
    this.#pages.inFlight += this.#pending;
    this.#pages.depend(this);
    if (signal) this.#uncancel = onAbort(signal, () => this.fail(signal.reason));
    this.#submit(entries, priority === 'scan', 0);
  }

  /**
   * Has entries fetched: at once those whose window is mapped, for only they can be mapped as they arrive. The others' windows are made first, for `making`
   * ms now and some more in each turn.
   */
  #submit(entries: Uint32Array, scan: boolean, making: number): void {
    const { first, count } = this.#vector;
    const stop = performance.now() + making;
    const ready = new Uint32Array(entries.length);
    const later: number[] = [];
    let n = 0;
    for (const entry of entries) {
      const page = first[entry] as number;
      if (this.#pages.isMapped(page)) {
        ready[n++] = entry;
      } else if (making > 0 && performance.now() < stop) {
        // Where no window can be had now, the bytes at least come into memory.
        this.#pages.hasWindow(page);
        ready[n++] = entry;
      } else {
        later.push(entry);
      }
    }
    if (n > 0) {
      const request = this.#pages.native.fetch(ready.subarray(0, n), first, count, scan);
      expect(request, this);
      this.#requests.push(request);
    }
    if (later.length > 0) {
      setImmediate(() => {
        if (!this.complete) this.#submit(Uint32Array.from(later), scan, MAKING);
      });
    }
  }

  settle(entry: number, errno: number, badOffset: number, truncated: boolean): void {
    this.#pending--;
    this.#pages.inFlight--;
    if (badOffset < 0) {
      this.#states[entry] = ARRIVED;
      this.#verdicts.arrived(entry);
    } else this.#fail(entry, this.#pages.readError(errno, badOffset, truncated));
    this.#log.push(entry);
  }

  settled(): void {
    if (this.complete) this.#finish();
    this.#tell();
  }

  /** Fails everything that is still missing. */
  fail(reason: unknown): void {
    if (this.complete) return;
    if (this.#fetching) this.#pages.inFlight -= this.#pending;
    for (const request of this.#requests) this.#pages.native.cancel(request);
    for (let entry = 0; entry < this.length; entry++) {
      if (this.#states[entry] !== MISSING) continue;
      this.#states[entry] = FAILED;
      this.#errors.set(entry, reason);
      this.#log.push(entry);
    }
    this.#pending = 0;
    this.#finish();
    this.#tell();
  }

  #fail(entry: number, error: unknown): void {
    this.#states[entry] = FAILED;
    this.#errors.set(entry, error);
    if (!this.#pages.closed) this.#pages.failed(error);
  }

  #finish(): void {
    for (const request of this.#requests) forget(request);
    this.#uncancel?.();
    this.#pages.settled(this);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#listeners.push(resolve));
  }

  #tell(): void {
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }

  #check(entry: number): void {
    if (typeof entry !== 'number' || !Number.isInteger(entry)) throw invalidArgument('entry', 'the number of an entry', entry);
    if (entry < 0 || entry >= this.length) {
      throw new NofaultError('OUT_OF_RANGE', `entry ${entry} is not in the vector, which has ${this.length} entries`);
    }
  }
}
