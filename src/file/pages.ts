import type { NofaultError } from '../errors';
import { addon, type NativeFile } from '../native';
import { MARKED, MISSING, RESIDENT } from '../native/file';
import { allStand, bound } from './board';
import type { FileStats } from './contract';
import { Counts } from './counts';
import { publishBlocked } from './diagnostics';
import { Faults } from './faults';
import { Locks } from './locks';
import { patiently } from './patience';
import { closedError, readError } from './read-errors';
import { checkPage, type Extent, lengthOf, pagesOf, startOf, type Vector } from './vector';
import type { Standing } from './verdicts';
import { copyStanding, near, standing, type Window } from './window';
import { Windows } from './windows';

/**
 * How long one call makes windows, in ms (8 to 10 us each), so that a vector over thousands of them does not hold the loop. The others' windows are made in
 * the next turns, where that takes longer: threads that map what has arrived hold the address space's lock then, again and again (docs/kernel.md).
 */
const MAKING = 1.2;

/** What a closed file has in place of its record: something is the matter, whenever it is looked at. */
const CLOSED = Float64Array.of(1);

/** What must be told when the file closes. */
export interface Dependant {
  fail(reason: unknown): void;
}

/** The pages of one open file: which are resident now, views of them, and counts of what happened. All other rooms of `file/` go through here. */
export class Pages implements Extent {
  readonly path: string;
  size: number;
  readonly pageSize: number;
  pageCount: number;
  readonly longestEntry: number;
  readonly native: NativeFile;
  readonly #windows: Windows;
  readonly locks: Locks;
  readonly #dependants = new Set<Dependant>();
  readonly #one = { first: new Float64Array(1), count: new Float64Array(1), state: new Uint8Array(1) };
  /** Pages from one window's start to the next: 2 to the power of this. */
  readonly #stride: number = 0;
  #recent: readonly Window[];
  /** Its first number is not 0 when the next call has something to throw, or where there are no boards. */
  #gate: Float64Array;
  /** Its first number is not 0 when the next call has something to throw. */
  #alarm: Float64Array;
  readonly #hit: (page: number) => number;
  readonly #faults: Faults;
  #closing: Promise<void> | undefined;
  #blocked = 0;
  /** When the vector that is being asked about may make no more windows. */
  #making = Number.NEGATIVE_INFINITY;
  #last: Float64Array = new Float64Array(11);

  readonly counts: Counts;

  /** What `refresh` looks at again; undefined for a file that was opened by its handle. */
  readonly target: Buffer | undefined;
  /** Whether verdicts may stand at all. */
  readonly trust: boolean;
  /** Whether verdicts stand on boards, which the watch keeps young. */
  readonly watching: boolean;

  constructor(native: NativeFile, path: string, target: Buffer | undefined, trust: boolean, counts = new Counts(path)) {
    const { pageSize, windowLength, windowStride } = addon();
    this.path = path;
    this.native = native;
    this.watching = native.watched;
    this.target = target;
    this.counts = counts;
    this.trust = trust;
    this.size = native.size;
    this.pageSize = pageSize;
    this.pageCount = Math.ceil(native.size / pageSize);
    this.#stride = Math.log2(windowStride / pageSize);
    this.longestEntry = windowLength - windowStride;
    this.#windows = new Windows(native, path);
    this.#recent = this.#windows.recent;
    this.locks = new Locks(this, this.#windows);
    this.#hit = native.hit;
    this.#faults = new Faults(native, path, pageSize);
    this.#alarm = this.#faults.record;
    this.#gate = this.watching ? this.#alarm : CLOSED;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Throws `CLOSED` once `close` has been called, and what a touch of a view has met since the last call. */
  assertOpen(): void {
    if (this.#alarm[0] !== 0) throw this.closed ? closedError(this.path) : this.#fault();
  }

  #fault(): NofaultError {
    const error = this.#faults.take();
    this.counts.failed(error);
    return error;
  }

  /**
   * How long verdicts about the entries of a set stand. What a scan passes over is not worth a place on a board. Where the kernel tells nothing at all, an
   * arrival has to be believed for its turn, or it could never be read.
   */
  standing(scan: boolean, thread = false): Standing {
    if (thread) return 'thread';
    if (this.watching && !scan) return 'board';
    return this.trust || this.native.blind ? 'turn' : 'never';
  }

  /** Whether pages may be marked. */
  get marked(): boolean {
    return this.#faults.marked;
  }

  /** What was recorded need not be told any more: it is being put right. */
  forgetFault(): void {
    if (this.#faults.pending) this.#fault();
  }

  /** The file has this size now. What the guard has covered is mapped anew. */
  resize(size: number): void {
    if (size === this.size && !this.#faults.marked) return;
    this.#faults.forgetMarks();
    this.#windows.resize(size);
    this.#recent = this.#windows.recent;
    this.size = size;
    this.pageCount = Math.ceil(size / this.pageSize);
  }

  /** The error of an entry that lay in the file when it was asked for, and does not any more; undefined when it does. */
  cutOff(first: number, count: number): NofaultError | undefined {
    return first + count <= this.pageCount ? undefined : readError(this.path, 0, Math.max(first, this.pageCount) * this.pageSize, true);
  }

  /** The error of an entry on which the guard has put a mark; undefined when there is none. */
  markError(first: number, count: number): NofaultError | undefined {
    return this.#faults.of(first, count);
  }

  /** A view of one page if it is resident now, counted. Throws when the number is wrong, and when the page is marked. */
  page(page: number): Uint8Array | undefined {
    // In as few steps as can be: most pages that are read are on the board.
    const window = this.#gate[0] === 0 ? standing(this.#recent, this.#stride, page, bound()) : undefined;
    if (window === undefined) return this.#askedPage(page);
    this.counts.boardHits++;
    return this.#pageIn(window, page);
  }

  #askedPage(page: number): Uint8Array | undefined {
    this.assertOpen();
    checkPage(page, this);
    const window = near(this.#recent, this.#stride, page) ?? this.#windows.at(page);
    if (window === undefined || !this.#counted(window, page, 1)) {
      this.counts.missed(1, 1);
      return undefined;
    }
    return this.#pageIn(window, page);
  }

  #pageIn(window: Window, page: number): Uint8Array {
    const from = (page - window.firstPage) * this.pageSize;
    const rest = window.bytes - from;
    return new Uint8Array(window.memory, from, rest < this.pageSize ? rest : this.pageSize);
  }

  /** A view of a checked byte range if all of it is resident now, counted. Throws when a page of it is marked. */
  bytes(offset: number, length: number): Uint8Array | undefined {
    if (length === 0) return new Uint8Array(0);
    const first = Math.floor(offset / this.pageSize);
    const window = this.#windows.at(first);
    if (window === undefined || !this.#counted(window, first, pagesOf(offset, length, this.pageSize))) {
      this.counts.missed(1, 1);
      return undefined;
    }
    return new Uint8Array(window.memory, offset - window.firstPage * this.pageSize, length);
  }

  #counted(window: Window, first: number, count: number): boolean {
    if (this.watching && allStand(window, first - window.firstPage, count, bound())) {
      this.counts.boardHits++;
      return true;
    }
    const resident = this.#asked(first, count);
    if (resident) this.counts.kernelHits++;
    return resident;
  }

  /**
   * A view of `length` bytes, at least 1, from `offset` on, on pages that were checked when they were first asked for, if all of them are resident now. Throws
   * when one is marked, and when the file does not reach so far any more.
   */
  range(offset: number, length: number, first: number, count: number, standing: Standing): Uint8Array | undefined {
    if (offset + length > this.size || length < 1) throw readError(this.path, 0, Math.max(offset, this.size), true);
    const window = this.#windows.at(first);
    if (window === undefined) return undefined;
    const known = this.watching && allStand(window, first - window.firstPage, count, bound());
    return known || this.#asked(first, count, standing === 'board')
      ? new Uint8Array(window.memory, offset - window.firstPage * this.pageSize, length)
      : undefined;
  }

  /** A view of entry i of a vector, if all of it is resident now. Throws when it is marked. */
  entry(vector: Vector, i: number, standing: Standing): Uint8Array | undefined {
    const count = vector.count[i] as number;
    if (count === 0) return new Uint8Array(0);
    return this.range(startOf(vector, i, this), lengthOf(vector, i, this), vector.first[i] as number, count, standing);
  }

  /** A view of entry i of a vector that was found resident in this very stretch of the program; undefined where its window could not be made. */
  view(vector: Vector, i: number): Uint8Array | undefined {
    const length = lengthOf(vector, i, this);
    if (length === 0) return new Uint8Array(0);
    const offset = startOf(vector, i, this);
    if (offset + length > this.size || length < 0) throw readError(this.path, 0, Math.max(offset, this.size), true);
    const window = this.#windows.at(vector.first[i] as number);
    return window && new Uint8Array(window.memory, offset - window.firstPage * this.pageSize, length);
  }

  /** A copy of these few numbers if all of them are on the boards, else undefined. */
  known(numbers: Uint32Array): number[] | undefined {
    const since = bound();
    const length = numbers.length | 0;
    const copy = new Array<number>(length);
    for (let i = 0; ; ) {
      i = copyStanding(this.#recent, this.#stride, numbers, copy, i, length, since);
      if (i === length) return copy;
      // It is on no board, or on one whose age has to be looked at first.
      if (standing(this.#recent, this.#stride, numbers[i] as number, since) === undefined) return undefined;
    }
  }

  /** The same of a list that may hold anything. */
  knownOf(entries: readonly unknown[]): number[] | undefined {
    const since = bound();
    const length = entries.length | 0;
    const copy = new Array<number>(length);
    for (let i = 0; i < length; i++) {
      const page = entries[i] as number;
      if (standing(this.#recent, this.#stride, page, since) === undefined) return undefined;
      copy[i] = page;
    }
    return copy;
  }

  /** Whether all of these pages are on the board. */
  stand(first: number, count: number): boolean {
    const window = this.watching ? this.#windows.find(first) : undefined;
    return window !== undefined && allStand(window, first - window.firstPage, count, bound());
  }

  /** Whether the kernel says that the pages are resident. Throws when one is marked. */
  #asked(first: number, count: number, noting = true): boolean {
    // The shorter call notes what it finds, where there is a board at all.
    const state = count === 1 && (noting || !this.watching) ? this.#hit(first) : this.#askRun(first, count, noting);
    this.#noteBlocked();
    if (state === MARKED) throw this.markError(first, count);
    return state === RESIDENT;
  }

  #askRun(first: number, count: number, noting: boolean): number {
    const { first: f, count: c, state } = this.#one;
    f[0] = first;
    c[0] = count;
    state[0] = MISSING;
    this.native.residency(f, c, 0, 1, state, false, noting);
    return state[0];
  }

  /** The window of entries that start at `page`, made where it is not mapped yet; undefined when it cannot be. */
  window(page: number): Window | undefined {
    return this.#windows.at(page);
  }

  /** Whether the window of entries that start at `page` is mapped, or can be. */
  hasWindow(page: number): boolean {
    return this.window(page) !== undefined;
  }

  /** Whether the window of entries that start at `page` is mapped. */
  isMapped(page: number): boolean {
    return this.#windows.find(page) !== undefined;
  }

  /**
   * Asks about the entries, `from` to `to`, whose state is MISSING: it becomes RESIDENT or MARKED, or stays where they are missing, or where that would take
   * too long to find out now. A vector can be asked about in several steps, from the start on, that share this time. Unless windows are made, nothing is found
   * out about entries that have none. Returns how many the boards knew to be resident.
   */
  askOpen(
    first: Float64Array,
    count: Float64Array,
    states: Uint8Array,
    standing: Standing,
    from = 0,
    to = states.length,
    making = true,
  ): number {
    let open = 0;
    let byBoard = 0;
    const { watching, pageCount } = this;
    const recent = this.#recent;
    const stride = this.#stride;
    const since = watching ? bound() : 0;
    if (from === 0) this.#making = Number.NEGATIVE_INFINITY;
    for (let i = from; i < to; i++) {
      if (states[i] !== MISSING) continue;
      const page = first[i] as number;
      if (count[i] === 0) {
        states[i] = RESIDENT;
        continue;
      }
      if (page + (count[i] as number) > pageCount) continue;
      const window = near(recent, stride, page) ?? this.#windows.find(page);
      if (watching && window !== undefined && allStand(window, page - window.firstPage, count[i] as number, since)) {
        states[i] = RESIDENT;
        byBoard++;
        continue;
      }
      if (window === undefined && !(making && this.#mayMake() && this.#windows.at(page) !== undefined)) continue;
      open++;
    }
    if (open > 0) {
      this.native.residency(first, count, from, to, states, from > 0, standing === 'board');
      this.#noteBlocked();
    }
    return byBoard;
  }

  /** Makes windows for these entries, as long as the vector that is being asked about may. */
  makeWindows(first: Float64Array, entries: readonly number[]): void {
    for (const entry of entries) {
      const page = first[entry] as number;
      if (this.#windows.find(page) !== undefined) continue;
      if (!this.#mayMake()) return;
      this.#windows.at(page);
    }
  }

  #mayMake(): boolean {
    const now = performance.now();
    if (this.#making < 0) this.#making = now + MAKING;
    return now < this.#making;
  }

  #noteBlocked(): void {
    const touches = this.#faults.blockedTouches;
    if (touches === this.#blocked) return;
    publishBlocked({ path: this.path, touches: touches - this.#blocked });
    this.#blocked = touches;
  }

  /** Fills `into` with the bytes from `offset` on; false when that would have to wait. Throws `TRUNCATED` when the file ends before. */
  readNow(offset: number, into: Uint8Array): boolean {
    const read = offset + into.length <= this.size ? this.native.readNow(offset, into) : Math.max(0, this.size - offset);
    if (read >= 0 && read < into.length) throw readError(this.path, 0, offset + read, true);
    return read === into.length;
  }

  /**
   * Throws `TRUNCATED` when the file ends before `end` now. Whoever has read views asks afterwards: behind the end of a file that has been cut, its last page
   * has zeros, which no touch of them tells.
   */
  assertReaches(end: number): void {
    const size = this.native.sizeNow();
    if (size !== undefined && size < end) throw readError(this.path, 0, size, true);
  }

  /** Runs `read`, which reads views, and counts whether the thread waited in it after all. Throws what it met. */
  touching(read: () => void): void {
    this.native.touching(true);
    read();
    this.native.touching(false);
    this.#noteBlocked();
    this.assertOpen();
  }

  /** `dependant` is failed with `CLOSED` if the file closes before `settled`. */
  depend(dependant: Dependant): void {
    this.#dependants.add(dependant);
  }

  settled(dependant: Dependant): void {
    this.#dependants.delete(dependant);
  }

  stats(): FileStats {
    if (!this.closed) this.#last = this.native.counters();
    return this.counts.with(this.#last, this.#faults.blockedTouches, this.#windows.count, this.locks.lockedBytes);
  }

  /** Counts on with the file that has taken this one's place. */
  handOver(): Counts {
    this.counts.carry(this.native.counters(), this.#faults.blockedTouches);
    return this.counts;
  }

  /** Nobody has the file any more, though somebody may have a view of it. */
  abandon(): void {
    if (this.closed) return;
    this.#closing = Promise.resolve();
    this.#alarm = this.#gate = CLOSED;
    this.#windows.abandon();
    void this.native.close();
  }

  /** Whether somebody may have views of what has been let go. */
  get haveViews(): boolean {
    return this.#windows.haveViews;
  }

  /** Ends views that outlive what `abandon` let go. */
  endViews(): void {
    this.#windows.endViews();
  }

  close(): Promise<void> {
    this.#alarm = this.#gate = CLOSED;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#last = this.native.counters();
    const reason = closedError(this.path);
    // In a later step, so that `closed` holds when the dependants' users look.
    await undefined;
    for (const dependant of [...this.#dependants]) dependant.fail(reason);
    this.#dependants.clear();
    await this.locks.close();
    await this.#windows.close();
    // Closing the descriptor may ask a server that no longer answers.
    await patiently(this.native.close());
  }
}
