import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NofaultError } from './errors';

/**
 * The one typed door to the addon. Everything behind it is mechanism: system calls, threads, and memory that is mapped. What is asked, when and why is
 * decided on this side.
 */
export interface Addon {
  /** Bytes in a page of this machine. */
  readonly pageSize: number;
  /** The most mappings of files that the addon places in this process; beyond it `place` refuses. */
  readonly maxWindows: number;
  /** Bytes from the start of one window to the start of the next, and bytes of a window; the difference is the longest entry. */
  readonly windowStride: number;
  readonly windowLength: number;
  /** Windows that are mapped now, in the whole process: those in use and those that the garbage collector has not freed yet. */
  windowCount(): number;
  /** Those of them that are in use. */
  placedWindowCount(): number;
  /**
   * Names the one function of this environment that completions are handed to, many at a time: `COMPLETION_FIELDS` numbers for each, namely request,
   * entry, errno, byte offset of the bad page (-1: the whole entry), and whether the file ended before it (1) or not (0).
   */
  onCompletions(deliver: (completions: Float64Array) => void): void;
  /** Whether waiting for completions keeps the event loop alive. */
  keepAlive(on: boolean): void;
  configure(maxThreads: number, maxBytesInFlight: number): void;
  /** Opens a path (bytes) for reading, or duplicates a file descriptor, on a thread. Only regular files; never waits for a FIFO's writer. */
  open(target: Buffer | number): Promise<NativeFile>;
  /** Ends all views of a window that was removed without `detach`. */
  detach(memory: ArrayBuffer): void;
  /** V8 counts the windows again that were removed without `detach`. It may collect garbage at once. */
  account(): void;
  /** The small mapper, for where mmap-io could not be built: `length` bytes of address space that `place` can put a window over. */
  map(length: number): Buffer;
}

/** How many numbers describe one completion. */
export const COMPLETION_FIELDS = 5;

/** An error as the addon raises it; `src/file` turns it into a NofaultError with a path. */
export interface SystemError extends Error {
  readonly errno?: number;
  readonly syscall?: string;
  /** What the path names instead of a regular file. */
  readonly kind?: string;
}

/** One open file of one environment. All page numbers are checked again behind the door; a bad one throws a RangeError. */
export interface NativeFile {
  readonly fd: number;
  /** As it was opened, or found out for a file descriptor. */
  readonly path: Buffer;
  /** Bytes, when it was opened. */
  readonly size: number;
  /**
   * Lays window `index` over the address range of `buffer`, whose length says how long it is. The buffer must stay referenced while it is in use,
   * and as long the one that is returned: it tells V8 in time when the environment ends with the window in place.
   */
  place(index: number, buffer: Buffer): Buffer;
  /** Empties windows on a thread, so that unmapping them later is cheap. */
  empty(indexes: Float64Array): Promise<void>;
  /** Whether no thread uses window `index` now. */
  idle(index: number): boolean;
  /** Forgets window `index`. With `detach`, its views get length 0 and it is unmapped at once. Without, the garbage collector does it after the last
   * view; `account` must be called right after the last reference has gone. */
  remove(index: number, buffer: Buffer, detach: boolean): void;
  /** Asks the kernel whether the page is resident, and maps it if it is. Its window must have been placed. */
  hit(page: number): boolean;
  /**
   * Asks the kernel about a whole vector in as few calls as it can. `states[i]` is 0 where entry i has to be asked about, and becomes 1 where it is
   * resident (and mapped). Entries whose window has not been placed stay 0. Returns how many became 1. Stops asking after some milliseconds: what it did not get to stays 0.
   */
  residency(first: Float64Array, count: Float64Array, length: number, states: Uint8Array): number;
  /** Queues entries for the fetcher's threads, and returns the request's number. Entries whose window has been placed are mapped when they arrive. */
  fetch(entries: Uint32Array, first: Float64Array, count: Float64Array, scan: boolean): number;
  /** No completion of this request is delivered afterwards; what has not been started is not. */
  cancel(request: number): void;
  /** What of a byte range is resident, asked on a thread: alternating lengths in pages, starting with missing; unknown where the kernel does not tell. */
  residencyMap(firstPage: number, pageCount: number): Promise<{ known: boolean; lengths: Float64Array }>;
  /** joined, bytesFetched, blockedTouches. */
  counters(): Float64Array;
  /** Closes the file descriptor, on a thread. All windows must have been removed. */
  close(): Promise<void>;
}

let loaded: Addon | undefined;

/** The addon; throws `UNSUPPORTED` where there is none. Loaded when first needed, so that the package can be imported on every system. */
export function addon(): Addon {
  loaded ??= load();
  return loaded;
}

function load(): Addon {
  if (process.platform !== 'linux') {
    throw new NofaultError('UNSUPPORTED', `nofault reads files on Linux only, and this is ${process.platform}`);
  }
  try {
    return require('node-gyp-build')(packageRoot()) as Addon;
  } catch (cause) {
    throw new NofaultError(
      'UNSUPPORTED',
      `the native part of nofault could not be loaded for ${process.platform}-${process.arch}: reinstall it on this machine with a C++ compiler present`,
      { cause },
    );
  }
}

/** The folder with binding.gyp: one up from dist/ and src/ alike. */
function packageRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'binding.gyp')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}
