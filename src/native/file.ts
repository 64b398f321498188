/** What the addon offers to `src/file`: windows, boards, residency, the fetcher and locks. */
export interface FileAddon {
  /** Bytes in a page of this machine. */
  readonly pageSize: number;
  /** The most mappings of files that the addon places in this process; beyond it `place` refuses. */
  readonly maxWindows: number;
  /** How old a verdict on a board may be, in ms. */
  readonly oldestVerdict: number;
  /** A 32-bit number that changes every `beatLength` ms while boards are kept young, and is 0 while they are not. */
  readonly beat: Buffer;
  readonly beatLength: number;
  /** Now, in ms, by the clock that boards are kept by; boards hold it as a 32-bit number that wraps around. */
  clock(): number;
  /** Handles SIGBUS and SIGSEGV again, after somebody else has taken them; what is not about a window goes to them. */
  guard(): void;
  /** Does so once a second from now on: for a worker, which does not learn what the main thread listens to. */
  patrol(): void;
  /** Bytes from the start of one window to the start of the next, and bytes of a window; the difference is the longest entry. */
  readonly windowStride: number;
  readonly windowLength: number;
  /** Windows that are mapped now, in the whole process: those in use and those that the garbage collector has not freed yet. */
  windowCount(): number;
  /** Those of them that are in use. */
  placedWindowCount(): number;
  /**
   * Names the one function of this environment that completions are handed to, `count` at a time, in an array that is used again: `COMPLETION_FIELDS` numbers for each, namely request,
   * entry, errno, byte offset of the bad page (-1: the whole entry), whether the file ended before it (1) or not (0), and when it was found to be mapped, by
   * `clock` as boards hold it (NaN: it is not, or not known to be).
   */
  onCompletions(deliver: (completions: Float64Array, count: number) => void): void;
  /** Whether waiting for completions keeps the event loop alive. */
  keepAlive(on: boolean): void;
  configure(maxThreads: number, maxBytesInFlight: number): void;
  /** Opens a path (bytes) for reading, or duplicates a file descriptor, on a thread. Only regular files; never waits for a FIFO's writer. With `trusting`,
   * verdicts may stand on boards. */
  open(target: Buffer | number, trusting: boolean): Promise<NativeFile>;
  /**
   * Takes the memory of `buffer`, whose length says how long a window may be placed over it, in charge. The buffer must stay referenced while a window lies
   * there, and as long the one that is returned: the window's board, which also tells V8 in time when the environment ends with the window in place. It is 32-bit
   * numbers: how old its verdicts can be, when they were last used, and a bit for each page.
   */
  adopt(buffer: Buffer): Buffer;
  /** Ends all views of a window that was removed without `detach`, or lets go of memory that was adopted in vain. */
  detach(memory: ArrayBuffer): void;
  /** Whether a thread still reads a window that was removed without `detach`: its memory must be kept until then. */
  isRead(memory: ArrayBuffer): boolean;
  /** V8 counts the windows again that were removed without `detach`. It may collect garbage at once. */
  account(): void;
  /** Sorts the runs of a checked vector on a thread, and joins what overlaps or touches. Entries of no pages are not allowed. The arrays must not change. */
  join(first: Float64Array, count: Float64Array): Promise<Float64Array>;
  /** Whether limits leave room for locking so many bytes, which cuts so many mappings, as far as that can be known before it is done. */
  findRoom(bytes: number, cuts: number): Promise<LockRefusal | undefined>;
  /** The small mapper, for where mmap-io could not be built: `length` bytes of address space that `place` can put a window over. */
  map(length: number): Buffer;
  /**
   * Marks that the guard has made in this process, ever. Who finds it as it was before he asked whether pages are resident has read nothing but what the file
   * has.
   */
  marksMade(): number;
}

/** How many numbers describe one completion. */
export const COMPLETION_FIELDS = 6;

/** What is known of an entry. */
export const MISSING = 0;
export const RESIDENT = 1;
/** In memory, but what is there is the guard's and not the file's: `marked` tells why. */
export const MARKED = 2;

/** Why a page is marked, by number. */
export const MARKS = [undefined, 'TRUNCATED', 'IO', 'READ_ONLY'] as const;

/**
 * The places of `NativeFile.record`: whether a touch of a view has failed since this was last set to 0, its mark, and its page; marks ever made; waits of this
 * thread inside calls of the library.
 */
export const RECORD = { pending: 0, mark: 1, page: 2, marks: 3, blockedTouches: 4, length: 5 } as const;

/** A page that cannot be kept in memory: the errno of reading it, or whether the file ended before it, or the guard has put a mark on it. */
export interface LostPage {
  readonly page: number;
  readonly errno: number;
  readonly truncated: boolean;
  readonly marked: boolean;
}

/** Why the kernel does not lock, or unlock, pages. */
export interface LockRefusal {
  readonly errno: number;
  /** Undefined where no limit accounts for it. */
  readonly limit?: 'RLIMIT_MEMLOCK' | 'vm.max_map_count';
  /** Bytes, or mappings, that the limit allows. */
  readonly allowed: number;
  /** Bytes that the process has locked, not counting those of this call. */
  readonly locked: number;
  /** The page that it came to: those before it have been dealt with, and stay so. */
  readonly reached: number;
}

/** Which pages of a run are resident. */
export interface PageMap {
  /** False where the kernel does not tell, or not the truth; then everything else is empty. */
  readonly known: boolean;
  readonly residentPages: number;
  readonly lastResident: boolean;
  readonly runs: number;
  /** Of each run, alternately missing and resident, its pages as a LEB128 number. The first is missing, and may be 0. */
  readonly lengths: Buffer;
}

/** One open file of one environment. All arguments are checked again behind the door; a bad one throws a RangeError, but for `hit`. */
export interface NativeFile {
  readonly fd: number;
  /** As it was opened, or found out for a file descriptor. */
  readonly path: Buffer;
  /** Bytes, when it was opened. */
  readonly size: number;
  /** Whether verdicts about this file are kept on boards: not on network file systems and FUSE, nor without `trusting`. */
  readonly watched: boolean;
  /** Doubles, at the places of RECORD, that other threads and the guard write at any time. */
  readonly record: Buffer;
  /**
   * Lays window `index` over the address range of a buffer that was adopted, whose length says how long it is.
   */
  place(index: number, buffer: Buffer): void;
  /** Empties windows on a thread, so that unmapping them later is cheap. */
  empty(indexes: Float64Array): Promise<void>;
  /** Whether no thread uses window `index` now. */
  idle(index: number): boolean;
  /** Forgets window `index`. With `detach`, its views get length 0 and it is unmapped at once, unless a thread still reads it: then that is false. Without,
   * and then, the garbage collector does it after the last view; `account` must be called right after the last reference has gone. */
  remove(index: number, buffer: Buffer, detach: boolean): boolean;
  /** Asks the kernel about a page: MISSING, RESIDENT (then it is mapped) or MARKED. Its window must have been placed; what is no page of one is MISSING. */
  hit(page: number): number;
  /**
   * Asks the kernel about entries `from` to `to` of a vector in as few calls as it can. `states[i]` is MISSING where entry i has to be asked about, and becomes RESIDENT (and
   * mapped) or MARKED. Entries whose window has not been placed stay MISSING. Returns how many became RESIDENT. Stops asking after a millisecond or two:
   * what it did not get to stays MISSING. With `more`, that time is what the call before has left of it. With
   * `noting`, what is resident goes on its board, where there is one.
   */
  residency(first: Float64Array, count: Float64Array, from: number, to: number, states: Uint8Array, more: boolean, noting: boolean): number;
  /**
   * Asks on a thread which of these entries of a vector are mapped: those that are not, or not known to be, and when that was asked, by `clock` as boards
   * hold it. Entries have at least one page.
   */
  mapped(entries: Uint32Array, first: Float64Array, count: Float64Array): Promise<{ asOf: number; unmapped: Uint32Array }>;
  /** Queues entries for the fetcher's threads, and returns the request's number. Entries whose window has been placed are mapped when they arrive. */
  fetch(entries: Uint32Array, first: Float64Array, count: Float64Array, scan: boolean): number;
  /** No completion of this request is delivered afterwards; what has not been started is not. */
  cancel(request: number): void;
  /** What of a run of pages is resident, asked on a thread. */
  residencyMap(firstPage: number, pageCount: number): Promise<PageMap>;
  /** What the size of the file is now, and whether `path` (if given) still names it. Asked on a thread. */
  look(path?: Buffer): Promise<{ size: number; same: boolean }>;
  /** The file has this size from now on. Windows that would be longer or shorter must have been removed before. */
  resize(size: number): void;
  /** Whether `readNow` works on this file: its file system can read without waiting. */
  readonly readsNow: boolean;
  /** Whether the kernel tells nothing about what is resident, so that nothing can ever be a hit by asking. */
  readonly blind: boolean;
  /** Fills `into` with the file's bytes from `offset` on; the number of bytes until the file ended, or -1, and `into` may hold anything, when it would have to wait. */
  readNow(offset: number, into: Uint8Array): number;
  /** Bytes that the kernel knows the file to have now, which it asks nobody for; undefined where it may not be told. */
  sizeNow(): number | undefined;
  /** Between true and false, waits of this thread are counted as blocked touches. */
  touching(on: boolean): void;
  /** Why an entry is MARKED: its mark, and the first page that has it. */
  marked(first: number, count: number): Float64Array;
  /**
   * Locks runs of pages on a thread, up to where it is refused; waits for no device. They are given by their edges, as `join` returns them, and every
   * window that they touch must have been placed and stay so; `cuts` says how many mappings that adds. Pages that are not mapped yet are locked when they
   * are.
   */
  lock(edges: Float64Array, cuts: number): Promise<LockRefusal | undefined>;
  /** Unlocks runs of pages, up to where it is refused, since that may cut mappings too. */
  unlock(edges: Float64Array, cuts: number): Promise<LockRefusal | undefined>;
  /** Sees to it that every page of locked runs is resident and mapped; the first one for which that cannot be had. */
  confirm(edges: Float64Array): Promise<LostPage | undefined>;
  /** Unlocks all of these windows; from the call's end on no lock that is under way touches any window. */
  endLocks(indexes: Float64Array): Promise<void>;
  /**
   * joined, bytesFetched, verdictsDropped, entries queued; p50, p90, p99 and longest time from request to arrival, ms; hits, misses and entries in flight of those
   * who read on threads.
   */
  counters(): Float64Array;
  /** Closes the file descriptor, on a thread. All windows must have been removed. */
  close(): Promise<void>;
}
