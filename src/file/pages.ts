import { getSystemErrorName } from 'node:util';
import { NofaultError } from '../errors';
import { addon, type NativeFile } from '../native';
import type { FileStats } from './contract';
import { type Extent, lengthOf, startOf, type Vector } from './vector';
import { Windows } from './windows';

/**
 * How long one call makes windows, in ms (about 10 us each), so that a vector over thousands of them does not hold the loop. The others'
 * windows are made in the next turns.
 */
const MAKING = 1;

/** How long closing waits for the file descriptor, in ms: closing it may ask a server that no longer answers. */
const PATIENCE = 1000;

/** What must be told when the file closes. */
export interface Dependant {
  fail(reason: unknown): void;
}

/** The pages of one open file: which are resident now, views of them, and counts of what happened. All other rooms of `file/` go through here. */
export class Pages implements Extent {
  readonly path: string;
  readonly size: number;
  readonly pageSize: number;
  readonly pageCount: number;
  readonly longestEntry: number;
  readonly native: NativeFile;
  readonly #windows: Windows;
  readonly #dependants = new Set<Dependant>();
  readonly #one = { first: new Float64Array(1), count: new Float64Array(1), state: new Uint8Array(1) };
  readonly #hit: (page: number) => boolean;
  #closing: Promise<void> | undefined;
  #last = new Float64Array(3);

  hits = 0;
  misses = 0;
  errors = 0;
  lastError: NofaultError | undefined;
  inFlight = 0;

  /** Whether a verdict may stand for a turn of the event loop. */
  readonly trusting: boolean;

  constructor(native: NativeFile, path: string, trusting: boolean) {
    const { pageSize, windowLength, windowStride } = addon();
    this.path = path;
    this.native = native;
    this.trusting = trusting;
    this.size = native.size;
    this.pageSize = pageSize;
    this.pageCount = Math.ceil(native.size / pageSize);
    this.longestEntry = windowLength - windowStride;
    this.#windows = new Windows(native, path);
    this.#hit = native.hit;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Throws `CLOSED` once `close` has been called. */
  assertOpen(): void {
    if (this.#closing !== undefined) throw this.closedError();
  }

  closedError(): NofaultError {
    return new NofaultError('CLOSED', `${this.path} has been closed`, { path: this.path });
  }

  /** A view of one checked page if it is resident now, by asking the kernel. */
  page(page: number): Uint8Array | undefined {
    const window = this.#windows.at(page);
    if (window === undefined || !this.#hit(page)) return undefined;
    const at = (page - window.firstPage) * this.pageSize;
    const rest = this.size - page * this.pageSize;
    return new Uint8Array(window.memory, at, rest < this.pageSize ? rest : this.pageSize);
  }

  /** A view of `length` bytes from `offset` on, on checked pages, if all are resident now. */
  range(offset: number, length: number, first: number, count: number): Uint8Array | undefined {
    if (length === 0) return new Uint8Array(0);
    const window = this.#windows.at(first);
    if (window === undefined || !(count === 1 ? this.#hit(first) : this.#runHit(first, count))) return undefined;
    return new Uint8Array(window.memory, offset - window.firstPage * this.pageSize, length);
  }

  /** A view of entry i of a vector, if all of it is resident now. */
  entry(vector: Vector, i: number): Uint8Array | undefined {
    return this.range(startOf(vector, i, this), lengthOf(vector, i, this), vector.first[i] as number, vector.count[i] as number);
  }

  /** A view of entry i of a vector that was found resident in this very stretch of the program; undefined where its window could not be made. */
  view(vector: Vector, i: number): Uint8Array | undefined {
    const length = lengthOf(vector, i, this);
    if (length === 0) return new Uint8Array(0);
    const window = this.#windows.at(vector.first[i] as number);
    return window && new Uint8Array(window.memory, startOf(vector, i, this) - window.firstPage * this.pageSize, length);
  }

  #runHit(first: number, count: number): boolean {
    const { first: f, count: c, state } = this.#one;
    f[0] = first;
    c[0] = count;
    state[0] = 0;
    return this.native.residency(f, c, 1, state) === 1;
  }

  /** Whether the window of entries that start at `page` is mapped, or can be. */
  hasWindow(page: number): boolean {
    return this.#windows.at(page) !== undefined;
  }

  /** Whether the window of entries that start at `page` is mapped. */
  isMapped(page: number): boolean {
    return this.#windows.find(page) !== undefined;
  }

  windowError(): NofaultError {
    const { maxWindows } = addon();
    return new NofaultError(
      'LIMIT',
      `the process has ${maxWindows} windows mapped, half of vm.max_map_count, and views of them are held: let go of some`,
      {
        path: this.path,
      },
    );
  }

  /** For each entry 1 where it is resident and 0 where it is not (or where that would take too long to find out now). */
  ask(vector: Vector): { readonly states: Uint8Array<ArrayBuffer>; readonly hits: number } {
    const states = new Uint8Array(vector.length);
    return { states, hits: this.askOpen(vector.first, vector.count, states) };
  }

  /** The same for the entries whose state is 0; the number of entries whose state is 1 afterwards. */
  askOpen(first: Float64Array, count: Float64Array, states: Uint8Array): number {
    const { length } = states;
    let known = 0;
    let stop = 0;
    for (let i = 0; i < length; i++) {
      if (states[i] === 1) {
        known++;
      } else if (count[i] === 0) {
        states[i] = 1;
        known++;
      } else if (this.#windows.find(first[i] as number) === undefined) {
        const now = performance.now();
        stop ||= now + MAKING;
        if (now < stop) this.#windows.at(first[i] as number);
      }
    }
    return known < length ? known + this.native.residency(first, count, length, states) : known;
  }

  /** The error of an entry that the fetcher could not bring in. */
  readError(errno: number, offset: number, truncated: boolean): NofaultError {
    const place = { path: this.path, offset, syscall: 'read' };
    if (truncated)
      return new NofaultError('TRUNCATED', `${this.path} ends before byte ${offset}: it has become shorter since it was opened`, place);
    const name = getSystemErrorName(-errno);
    return new NofaultError('IO', `reading ${this.path} at byte ${offset} failed: ${name}`, { ...place, errno });
  }

  failed(error: unknown): void {
    this.errors++;
    if (error instanceof NofaultError) this.lastError = error;
  }

  /** `dependant` is failed with `CLOSED` if the file closes before `settled`. */
  depend(dependant: Dependant): void {
    this.#dependants.add(dependant);
  }

  settled(dependant: Dependant): void {
    this.#dependants.delete(dependant);
  }

  stats(): FileStats {
    if (!this.closed) this.#last = this.native.counters() as Float64Array<ArrayBuffer>;
    const [joined = 0, bytesFetched = 0, blockedTouches = 0] = this.#last;
    const { hits, misses, errors, lastError, inFlight } = this;
    return { hits, misses, joined, bytesFetched, inFlight, errors, lastError, blockedTouches, windows: this.#windows.count };
  }

  /** Nobody has the file any more, though somebody may have a view of it. */
  abandon(): void {
    if (this.closed) return;
    this.#closing = Promise.resolve();
    this.#windows.abandon();
    void this.native.close();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#last = this.native.counters() as Float64Array<ArrayBuffer>;
    const reason = this.closedError();
    // In a later step, so that `closed` holds when the dependants' users look.
    await undefined;
    for (const dependant of [...this.#dependants]) dependant.fail(reason);
    this.#dependants.clear();
    await this.#windows.close();
    await patiently(this.native.close());
  }
}

/** Waits for what may never come, but not for long. */
async function patiently(promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE);
  });
  await Promise.race([promise, enough]);
  clearTimeout(timer);
}
