import { setTimeout as pause } from 'node:timers/promises';
import { NofaultError } from '../errors';
import { addon, type NativeFile, type SystemError } from '../native';
import { boardIn } from './board';
import { patiently } from './patience';
import { Window, WindowTable } from './window';
import { prepareMemory, returnMemory, takeMemory, type WindowMemory } from './window-memory';

/**
 * Windows that are let go together. The garbage collector has to find them, and is made to collect for each batch: once for 32 GiB of the file that are
 * mapped anew, and only in a process that has mapped half a TiB.
 */
const BATCH = 1024;

/** Windows that memory is made for when a file needs its first one. */
const FEW = 4;

/** How long one slice of the work on many windows may hold the event loop, in ms. */
const SLICE = 1;

/**
 * The windows of all files of this environment: the process has one bound for all. V8 does not count them, so the garbage collector must never find one
 * that has not been let go here first.
 */
const everybody = new Set<Windows>();

/** Keeps the memory of a window that was let go of until no thread reads it, which is a fraction of a millisecond, unless its device hangs. */
async function keepWhileRead({ memory, board }: Window): Promise<void> {
  while (addon().isRead(memory)) await pause(1, board, { ref: false });
}

/** Ends the views of a window that was let go of, as soon as no thread reads it. */
async function endWhenUnread(window: Window): Promise<void> {
  await keepWhileRead(window);
  addon().detach(window.memory);
}

/** The file with the most windows lets go of some. */
function makeRoom(): void {
  let largest: Windows | undefined;
  for (const windows of everybody) {
    if (largest === undefined || windows.count > largest.count) largest = windows;
  }
  void largest?.retire();
}

/**
 * The windows of one file: made when first needed, and let go, the least used first, when the process has very many. They overlap, so that every entry lies
 * in one: the one that its first page belongs to.
 */
export class Windows {
  readonly #native: NativeFile;
  readonly #path: string;
  readonly #stride: number;
  /** Windows a page: a power of two, so that multiplying is exact. */
  readonly #perPage: number;
  readonly #pageSize: number;
  #size: number;
  readonly #table: WindowTable;
  #ring: Window[] = [];
  #hand = 0;
  #retiring = false;
  #emptying: Promise<void> = Promise.resolve();
  #closed = false;
  /** Indexes of windows that must stay. */
  readonly #pinned = new Set<number>();
  /** Windows that were let go while somebody may have views of them: those end with the file, too. */
  #givenUp: WeakRef<ArrayBuffer>[] = [];

  constructor(native: NativeFile, path: string) {
    this.#native = native;
    this.#path = path;
    this.#pageSize = addon().pageSize;
    this.#stride = addon().windowStride / this.#pageSize;
    this.#perPage = 1 / this.#stride;
    this.#size = native.size;
    this.#table = new WindowTable(this.#most());
    prepareMemory(this.#whole(), native.fd);
  }

  get count(): number {
    return this.#ring.length;
  }

  /** See WindowTable. */
  get recent(): readonly Window[] {
    return this.#table.recent;
  }

  /** The window of entries that start at `page`, if it has been made. */
  find(page: number): Window | undefined {
    const window = this.#table.get(Math.floor(page * this.#perPage));
    if (window !== undefined) window.used = true;
    return window;
  }

  /** The same, made when it is not there yet; undefined when the process has as many windows as it may, and some must go first. */
  at(page: number): Window | undefined {
    return this.find(page) ?? this.#make(Math.floor(page / this.#stride));
  }

  /** Makes window `index` where there is none, and keeps it until `unpin`; false when the process has as many windows as it may. */
  pin(index: number): boolean {
    if (this.at(index * this.#stride) === undefined) return false;
    this.#pinned.add(index);
    return true;
  }

  unpin(index: number): void {
    this.#pinned.delete(index);
  }

  get pinned(): ReadonlySet<number> {
    return this.#pinned;
  }

  #make(index: number): Window | undefined {
    const { maxWindows, windowStride } = addon();
    if (this.#closed) return undefined;
    if (addon().placedWindowCount() >= maxWindows / 2) makeRoom();
    if (addon().windowCount() >= maxWindows) return undefined;
    const offset = index * windowStride;
    const length = this.#lengthOf(index);
    let room: WindowMemory | undefined;
    try {
      // Few at first: something is waited for.
      const likely = Math.min(this.#whole(), Math.max(FEW, 2 * this.count));
      room = takeMemory(length, likely, this.#native.fd);
      this.#native.place(index, room.buffer);
    } catch (cause) {
      if (room !== undefined) returnMemory(room);
      const { errno, message } = cause as SystemError;
      throw new NofaultError(
        'LIMIT',
        `a window of ${this.#path} could not be mapped (${message}): the process may have run out of mappings or memory`,
        {
          ...(errno === undefined ? {} : { errno }),
          syscall: 'mmap',
          path: this.#path,
          offset,
          cause,
        },
      );
    }
    const { buffer } = room;
    const window = new Window(index, index * this.#stride, buffer, boardIn(room.board), this.#bytesOf(index));
    this.#table.add(window);
    this.#ring.push(window);
    everybody.add(this);
    return window;
  }

  /** Windows that the file can have. */
  #most(): number {
    return Math.ceil(this.#size / addon().windowStride);
  }

  /** Windows of full length that the file can have. */
  #whole(): number {
    const { windowLength, windowStride } = addon();
    return Math.max(0, Math.floor((this.#size - windowLength) / windowStride) + 1);
  }

  /** Bytes of the file that lie in window `index`. */
  #bytesOf(index: number, size = this.#size): number {
    const { windowLength, windowStride } = addon();
    return Math.min(windowLength, size - index * windowStride);
  }

  /** Bytes that window `index` spans, in whole pages. */
  #lengthOf(index: number, size = this.#size): number {
    return Math.ceil(this.#bytesOf(index, size) / this.#pageSize) * this.#pageSize;
  }

  /** Windows that cannot stay as they are when the file has this size. */
  outgrown(size: number): Window[] {
    return this.#ring.filter(({ index, firstPage, memory }) => {
      const pages = memory.byteLength / this.#pageSize;
      return this.#lengthOf(index, size) !== memory.byteLength || this.#native.marked(firstPage, pages)[0] !== 0;
    });
  }

  /**
   * The file has this size now. Windows that would have another length, and those in which the guard has covered pages, are let go: they are made anew when
   * needed, and views of them stay as they are.
   */
  resize(size: number): void {
    const gone = new Set(this.outgrown(size));
    this.#size = size;
    this.#ring = this.#ring.filter((window) => !gone.has(window));
    this.#drop(gone);
    this.#table.resize(this.#most());
    for (const window of this.#ring) window.bytes = this.#bytesOf(window.index);
    this.#native.resize(size);
  }

  /**
   * Lets go of some windows that have not been used for a round of the clock and that no thread uses. They are emptied on a thread before, so that
   * unmapping them costs the loop little; the garbage collector unmaps each when its last view has gone.
   */
  async retire(): Promise<void> {
    if (this.#retiring || this.#ring.length === 0) return;
    this.#retiring = true;
    try {
      let victims: Window[] = [];
      for (let steps = Math.min(2 * this.#ring.length, 16 * BATCH); steps > 0 && victims.length < BATCH; steps--) {
        this.#hand = (this.#hand + 1) % this.#ring.length;
        const window = this.#ring[this.#hand] as Window;
        if (!window.used && this.#mayGo(window)) victims.push(window);
        window.used = false;
      }
      if (victims.length === 0) return;
      this.#emptying = this.#native.empty(Float64Array.from(victims, (window) => window.index));
      await this.#emptying;
      const gone = new Set(victims.filter((window) => this.#table.get(window.index) === window && !window.used && this.#mayGo(window)));
      victims = [];
      this.#ring = this.#ring.filter((window) => !gone.has(window));
      this.#drop(gone);
      // Only now: what a weak reference has been asked for stays until the end of the turn.
      this.#givenUp = this.#givenUp.filter((memory) => memory.deref() !== undefined);
    } finally {
      this.#retiring = false;
    }
  }

  #mayGo({ index }: Window): boolean {
    return !this.#pinned.has(index) && this.#native.idle(index);
  }

  /** The garbage collector unmaps each of these windows after its last view. Empties the set: nothing here may hold them when it looks. */
  #drop(windows: Set<Window>): void {
    for (const window of windows) {
      this.#table.delete(window);
      this.#native.remove(window.index, window.buffer, false);
      this.#givenUp.push(window.weak);
      if (addon().isRead(window.memory)) void keepWhileRead(window);
    }
    windows.clear();
    addon().account();
  }

  /** Lets go of everything, while views stay as they are: nobody has the file any more, but somebody may have a view. */
  abandon(): void {
    this.#closed = true;
    const windows = new Set(this.#ring);
    this.#ring = [];
    everybody.delete(this);
    this.#drop(windows);
  }

  /** Whether somebody may have views of windows that were let go. */
  get haveViews(): boolean {
    this.#givenUp = this.#givenUp.filter((memory) => memory.deref() !== undefined);
    return this.#givenUp.length > 0;
  }

  /** Ends the views of windows that were let go. */
  endViews(): void {
    for (const memory of this.#givenUp.splice(0)) {
      const left = memory.deref();
      if (left !== undefined) addon().detach(left);
    }
  }

  /** Unmaps everything, in short slices: every view gets length 0; later, where a thread reads it that waits for a device which hangs. */
  async close(): Promise<void> {
    const windows = this.#ring;
    this.#ring = [];
    this.#table.clear();
    everybody.delete(this);
    this.#closed = true;
    this.endViews();
    // A thread must not empty what is somebody else's by then.
    await this.#emptying;
    if (windows.length === 0) return;
    await this.#native.empty(Float64Array.from(windows, (window) => window.index));
    const read: Window[] = [];
    let start = performance.now();
    for (const window of windows) {
      if (!this.#native.remove(window.index, window.buffer, true)) read.push(window);
      if (performance.now() - start > SLICE) {
        await new Promise(setImmediate);
        start = performance.now();
      }
    }
    if (read.length === 0) return;
    addon().account();
    await patiently(Promise.all(read.map(endWhenUnread)));
  }
}
