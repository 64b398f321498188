import { NofaultError } from '../errors';
import { addon, type NativeFile, type SystemError } from '../native';
import { mapper } from './mapper';

/** A stretch of the file that is mapped as one ArrayBuffer. */
export interface Window {
  readonly index: number;
  readonly buffer: Buffer;
  readonly memory: ArrayBuffer;
  /** Its first page's number. */
  readonly firstPage: number;
  /** Asked for since the hand of the clock last passed. */
  used: boolean;
}

/** Windows that are looked at together when some must go. */
const BATCH = 64;

/** How long one slice of the work on many windows may hold the event loop, in ms. */
const SLICE = 1;

/** The windows of all files of this environment: the process has one bound for all. */
const everybody = new Set<WeakRef<Windows>>();

/** The file with the most windows lets go of some. */
function makeRoom(): void {
  let largest: Windows | undefined;
  for (const known of everybody) {
    const windows = known.deref();
    if (windows === undefined) everybody.delete(known);
    else if (largest === undefined || windows.count > largest.count) largest = windows;
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
  readonly #pageSize: number;
  readonly #size: number;
  readonly #self = new WeakRef<Windows>(this);
  #table: (Window | undefined)[] = [];
  #ring: Window[] = [];
  #hand = 0;
  #retiring = false;

  constructor(native: NativeFile, path: string) {
    this.#native = native;
    this.#path = path;
    this.#pageSize = addon().pageSize;
    this.#stride = addon().windowStride / this.#pageSize;
    this.#size = native.size;
  }

  get count(): number {
    return this.#ring.length;
  }

  /** The window of entries that start at `page`, if it has been made. */
  find(page: number): Window | undefined {
    const window = this.#table[Math.floor(page / this.#stride)];
    if (window !== undefined) window.used = true;
    return window;
  }

  /** The same, made when it is not there yet; undefined when the process has as many windows as it may, and some must go first. */
  at(page: number): Window | undefined {
    return this.find(page) ?? this.#make(Math.floor(page / this.#stride));
  }

  #make(index: number): Window | undefined {
    const { maxWindows, windowLength, windowStride } = addon();
    if (addon().placedWindowCount() >= maxWindows / 2) makeRoom();
    if (addon().windowCount() >= maxWindows) return undefined;
    const offset = index * windowStride;
    const length = Math.ceil(Math.min(windowLength, this.#size - offset) / this.#pageSize) * this.#pageSize;
    let buffer: Buffer;
    try {
      buffer = mapper().map(length, this.#native.fd);
      this.#native.place(index, buffer);
    } catch (cause) {
      const { errno, message } = cause as SystemError;
      throw new NofaultError('LIMIT', `a window of ${this.#path} could not be mapped (${message}): the process may have run out of mappings or memory`, {
        ...(errno === undefined ? {} : { errno }),
        syscall: 'mmap',
        path: this.#path,
        offset,
        cause,
      });
    }
    const window = { index, buffer, memory: buffer.buffer as ArrayBuffer, firstPage: index * this.#stride, used: true };
    this.#table[index] = window;
    this.#ring.push(window);
    everybody.add(this.#self);
    return window;
  }

  /**
   * Lets go of some windows that have not been used for a round of the clock and that no thread uses. They are emptied on a thread before, so that
   * unmapping them costs the loop little; the garbage collector unmaps each when its last view has gone.
   */
  async retire(): Promise<void> {
    if (this.#retiring || this.#ring.length === 0) return;
    this.#retiring = true;
    try {
      const victims: Window[] = [];
      for (let steps = Math.min(2 * this.#ring.length, 16 * BATCH); steps > 0 && victims.length < BATCH; steps--) {
        this.#hand = (this.#hand + 1) % this.#ring.length;
        const window = this.#ring[this.#hand] as Window;
        if (!window.used && this.#native.idle(window.index)) victims.push(window);
        window.used = false;
      }
      if (victims.length === 0) return;
      await this.#native.empty(Float64Array.from(victims, (window) => window.index));
      const gone = new Set(victims.filter((window) => this.#table[window.index] === window && !window.used && this.#native.idle(window.index)));
      for (const window of gone) {
        this.#table[window.index] = undefined;
        this.#native.remove(window.index, window.buffer, false);
      }
      this.#ring = this.#ring.filter((window) => !gone.has(window));
    } finally {
      this.#retiring = false;
    }
  }

  /** Unmaps everything, in short slices: every view gets length 0. */
  async close(): Promise<void> {
    const windows = this.#ring;
    this.#ring = [];
    this.#table = [];
    everybody.delete(this.#self);
    if (windows.length === 0) return;
    await this.#native.empty(Float64Array.from(windows, (window) => window.index));
    let start = performance.now();
    for (const window of windows) {
      this.#native.remove(window.index, window.buffer, true);
      if (performance.now() - start > SLICE) {
        await new Promise(setImmediate);
        start = performance.now();
      }
    }
  }
}
