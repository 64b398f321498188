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
  /** Tries out on a thread what the kernel allows: the errno that each question is refused with, or 0. */
  probe(): Promise<KernelFacts>;
  /** The same for one file, of which it reads the first page and no other. Rejects as `open` does. */
  probe(path: Buffer): Promise<FileFacts>;
  /** Ends all views of a window that was removed without `detach`. */
  detach(memory: ArrayBuffer): void;
  /** V8 counts the windows again that were removed without `detach`. It may collect garbage at once. */
  account(): void;
  /** Whether the kernel has cachestat, and lets this process use it. */
  countsPages(): boolean;
  /**
   * Looks at files on a thread, each for a moment. `names` are bytes, each with a zero byte behind it, from `folder` or else the working directory; in a folder, those that it
   * listed as regular files. `bits` are of ASK. Only regular files are opened. A batch ends after some 15 ms: it may have fewer rows than names, and has at least one.
   */
  survey(names: Buffer, bits: number, cells: number, folder?: FolderHandle): Promise<Surveyed>;
  /** Opens a folder by a path. With `follow`, a symbolic link to a folder is one. */
  openFolder(path: Buffer, follow: boolean): Promise<NativeFolder>;
  /** Opens a folder in another one; where it lies on the same device, its first entries are read as by `readFolder`. */
  openFolder(name: Buffer, follow: false, parent: FolderHandle, most: number, bits?: number, cells?: number): Promise<NativeFolder>;
  /** The next entries of a folder, in the order of the file system; with `bits`, its regular files are looked at as `survey` does. Once at a time. */
  readFolder(folder: FolderHandle, most: number, bits?: number, cells?: number): Promise<Listing>;
  closeFolder(folder: FolderHandle): void;
  /**
   * Opens a regular file to bring its pages in, or to drop them. With `root`, the path and symbolic links in it are looked up as if that were `/`. Rejects with an errno, or with the
   * S_IFMT bits of what is no regular file.
   */
  openCached(path: Buffer, root?: Buffer): Promise<NativeCachedFile>;
  /** What of a run of pages is resident. The run may reach behind the file's end. */
  residencyOf(file: CachedFileHandle, first: number, count: number): Promise<PageMap>;
  /** Pages between two that are neither in memory nor holes, as edges of runs; all that are no holes where the kernel does not tell. Goes on to `to`, or until there are many. */
  missing(file: CachedFileHandle, from: number, to: number): Promise<{ readonly edges: Float64Array; readonly reached: number }>;
  /** Reads runs of pages, given by their edges; all are asked for at once. What is told of bad pages is the first one. */
  bringIn(file: CachedFileHandle, edges: Float64Array): Promise<BroughtIn>;
  /** Drops pages that nobody maps or has locked; those that are dirty only with `flush`. */
  drop(file: CachedFileHandle, first: number, count: number, flush: boolean): Promise<Dropped>;
  closeCached(file: CachedFileHandle): void;
  /** Sorts the runs of a checked vector on a thread, and joins what overlaps or touches. Entries of no pages are not allowed. The arrays must not change. */
  join(first: Float64Array, count: Float64Array): Promise<Float64Array>;
  /** Whether limits leave room for locking so many bytes, which cuts so many mappings, as far as that can be known before it is done. */
  findRoom(bytes: number, cuts: number): Promise<LockRefusal | undefined>;
  /** The small mapper, for where mmap-io could not be built: `length` bytes of address space that `place` can put a window over. */
  map(length: number): Buffer;
  /** CRC-32C (RFC 3720) of the bytes, unsigned; `before` is that of the bytes before them. */
  crc32c(bytes: Uint8Array, before?: number): number;
  /** What builds an index file; for each column its kind, 1 for values and 2 for numbers. */
  readonly Build: new (
    kinds: Uint8Array,
  ) => NativeBuild;
  /**
   * Marks that the guard has made in this process, ever. Who finds it as it was before he asked whether pages are resident has read nothing but what the file
   * has.
   */
  marksMade(): number;
  /**
   * The header of a Roaring bitmap of at most `length` bytes, of which `bytes` are the first. Throws a SystemError with `offset`, in bytes from the start of
   * the bitmap, where it is none.
   */
  readonly Header: new (
    bytes: Uint8Array,
    length: number,
  ) => NativeHeader;
  /**
   * A scan over bitmaps that lie at these offsets of these files (numbered by the caller). `code` is the tree: CODE, each node before its children. `extras`
   * are the numbers of further bitmaps, for the goals that have them.
   */
  readonly Scan: new (
    code: Uint32Array,
    headers: readonly NativeHeader[],
    files: Uint32Array,
    offsets: Float64Array,
    extras: Uint32Array,
    goal: number,
    rowCount: number,
  ) => NativeScan;
  /**
   * The next step of a scan: chunks until they need so many bytes or containers, may give so many rows, or so many places in headers have been looked at.
   * Containers whose pages touch become one range. `least`: of the goal `extreme`, the least number and not the greatest.
   */
  readonly Step: new (
    scan: NativeScan,
    bytes: number,
    containers: number,
    rows: number,
    places: number,
    pageSize: number,
    least: boolean,
  ) => NativeStep;
  /** The portable Roaring bitmap that these complete steps of the goal `bitmap` are together; takes it out of them. Put together on a thread. */
  assemble(steps: readonly NativeStep[]): Promise<Uint8Array>;
  /**
   * Looks on a thread whether containers `from` to `to` of a header are as they should be; `bytes` begin with the first of them and end with the last. `before` is
   * the CRC-32C of what comes before.
   */
  checkContainers(header: NativeHeader, from: number, to: number, bytes: Uint8Array, before: number): Promise<ContainersChecked>;
}

/**
 * Gathers containers of an index that is being built, column by column, and writes them. Work is done on threads, on copies of the arrays; one thing at a time for a
 * column. Chunks ascend. Files are given by their descriptor and the device (st_dev) that they lie on; they are written at an offset, and the promise is for
 * where the next byte would lie. Failures of the system carry `errno` and `syscall`.
 */
export interface NativeBuild {
  /**
   * Gathers a chunk of a column of values: for each row the number of its key, counted from 1 since the last spill, or 0 for null. New keys come with the chunk: their
   * bytes, and where each ends in them. Resolves to the bytes of memory that the column has gathered.
   */
  addValues(column: number, chunk: number, ids: Uint32Array, keys: Uint8Array, keyEnds: Uint32Array): Promise<number>;
  /** The same for a column of numbers; those where `nulls` is not 0 do not count. */
  addNumbers(column: number, chunk: number, numbers: BigInt64Array, nulls: Uint8Array): Promise<number>;
  /** Writes what a column has gathered as a sorted run, and forgets it. */
  spill(column: number, fd: number, device: number, offset: number): Promise<number>;
  /** Makes one run of several of a column, which follow one another; each is given by descriptor, offset and length. */
  mergeRuns(column: number, fd: number, device: number, offset: number, runs: Float64Array): Promise<number>;
  /** Writes a column's bitmaps and its directory, from all its runs. `leavesFd` is an empty file that it may use meanwhile. */
  writeColumn(column: number, fd: number, device: number, offset: number, runs: Float64Array, leavesFd: number): Promise<ColumnPlace>;
  /** Null rows of a column so far. */
  nulls(column: number): number;
  /** The least and the greatest number so far; both 0 when there is none. */
  extremes(column: number): [bigint, bigint];
  /** Bytes written so far, to all files. */
  written(): number;
  /** Lets merges that are under way fail with ECANCELED. */
  stop(): void;
}

/** A bitmap in the file (BitmapRef in src/bitmap/format.ts). */
export interface NativeBitmapRef {
  readonly offset: number;
  readonly length: number;
  readonly cardinality: number;
  readonly containers: number;
  readonly checksum: number;
}

/** What has been written of a column. Without nulls `existing` is all 0; `bits` are those of numbers, the rest those of values. */
export interface ColumnPlace {
  /** Where the next byte would lie. */
  readonly end: number;
  readonly existing: NativeBitmapRef;
  readonly bits: readonly NativeBitmapRef[];
  readonly valueCount: number;
  readonly root: number;
  readonly height: number;
  readonly firstLeaf: number;
  readonly leafCount: number;
}

/** What a tree is written in for `Scan`. `bitmap` is followed by its number, `and` and `or` by how many children they have. */
export const CODE = { all: 0, bitmap: 1, and: 2, or: 3, minus: 4 } as const;

/** What a scan is for. */
export const GOAL = { count: 0, rows: 1, bitmap: 2, counts: 3, extreme: 4 } as const;

/** What the numbers are that describe a container; `length` is an upper bound where it is runs. */
export const PLACE = { chunk: 0, form: 1, cardinality: 2, offset: 3, length: 4 } as const;
export const FORM = { array: 1, bitset: 2, runs: 3 } as const;

/** The checked copy of a bitmap's header. */
export interface NativeHeader {
  /** Not 0: so many bytes are needed, and nothing else here counts. */
  readonly needed: number;
  /** Bytes of the header. */
  readonly length: number;
  readonly containers: number;
  /** As the header says. */
  readonly cardinality: number;
  /** The last chunk that it has rows in, -1 when there is none, and how many it has there. */
  readonly lastChunk: number;
  readonly inLastChunk: number;
  /** Bytes of memory that it takes. */
  readonly memory: number;
  /** The container of a chunk, by the places of PLACE; undefined when it has no rows there. */
  find(chunk: number): Float64Array | undefined;
  /** The same by its number. */
  place(container: number): Float64Array | undefined;
}

/** A scan, as far as it has been planned. */
export interface NativeScan {
  readonly [scan]: never;
}
declare const scan: unique symbol;

/** Some chunks in a row: what they need, and what came out. */
export interface NativeStep {
  /** There was nothing left to do: this is no step. */
  readonly ended: boolean;
  /** File, byte offset and length of each range. */
  readonly ranges: Float64Array;
  /** Of the ranges. */
  readonly bytes: number;
  /** What combining costs, in ns, as estimated. */
  readonly work: number;
  readonly containers: number;
  readonly chunks: number;
  readonly firstChunk: number;
  readonly lastChunk: number;
  /** A range's bytes are here; they stay readable until all of the step has been combined. Returns how many chunks are ready to be. */
  arrive(range: number, bytes: Uint8Array): number;
  /** Combines what is ready. */
  combine(): void;
  /** The same on a thread; `held` is kept until then. One call at a time. */
  combineOnThread(held: object): Promise<void>;
  /** Nothing more is combined, and what is being is given up soon. */
  cancel(): void;
  /** Whether every chunk has been combined. */
  complete(): boolean;
  /** Whether the guard has put a mark on any page since the step was made or restarted: what came out may be zeros. */
  disturbed(): boolean;
  /** Nothing has arrived. */
  restart(): void;
  /** File and byte offset of a container that does not fit into its own length; undefined where there is none. */
  damage(): Float64Array | undefined;
  /** How many rows, of the goal `count`. */
  count(): number;
  /** How many rows each further bitmap has, of the goal `counts`. */
  counts(): Float64Array;
  /** The number, of the goal `extreme`; undefined when there are no rows. */
  extreme(): bigint | undefined;
  /** The next rows, of the goal `rows`, so many at most; none when there are no more. */
  takeRows(most: number): Uint32Array;
}

/** What is wrong with a container, and where, in bytes from the start of the bitmap. */
export interface ContainersChecked {
  /** CRC-32C so far. */
  readonly checksum: number;
  readonly wrong?: string;
  readonly offset?: number;
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

/** An error as the addon raises it; `src/file` turns it into a NofaultError with a path. */
export interface SystemError extends Error {
  readonly errno?: number;
  readonly syscall?: string;
  /** What the path names instead of a regular file. */
  readonly kind?: string;
  /** Where in a bitmap something is wrong, in bytes. */
  readonly offset?: number;
}

/** Errnos, 0 where the question is answered. */
export interface KernelFacts {
  readonly mincore: number;
  readonly movePages: number;
  readonly populateRead: number;
  readonly cachestat: number;
  /** Reading /proc/self/pagemap; and its ioctl PAGEMAP_SCAN. */
  readonly pagemap: number;
  readonly pagemapScan: number;
}

/** `untested` where there was nothing to try it on. */
export type Answer = 'truthful' | 'wrong' | 'refused' | 'untested';

export interface FileFacts {
  /** Bytes. */
  readonly size: number;
  /** As `major:minor`. */
  readonly device: string;
  /** User id. */
  readonly owner: number;
  /** The number of its mount in /proc/self/mountinfo; -1 where it is not known. */
  readonly mount: number;
  /** The kind by its magic number; `unknown` where the addon does not know it. */
  readonly fileSystem: string;
  /** Its pages leave memory only through this kernel. */
  readonly local: boolean;
  readonly mincore: Answer;
  readonly cachestat: Answer;
  /** Errnos, 0 where it works, -1 where there was nothing to try it on: preadv2(RWF_NOWAIT), and the first page read and populated. */
  readonly readNow: number;
  readonly firstRead: number;
  readonly firstPopulate: number;
}

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

/** An open folder, of which only the addon knows more. */
export interface FolderHandle {
  readonly isFolder: never;
}

export interface NativeFolder {
  readonly handle: FolderHandle;
  readonly device: number;
  /** A decimal number: it may have 64 bits. */
  readonly inode: string;
  /** By the kind of its file system, cachestat counts what is cached of its files. */
  readonly countsPages: boolean;
  /** Its files are questions to the kernel, as in proc, and have no pages. */
  readonly interface: boolean;
  readonly first?: Listing;
}

/** A file that is open for its pages, of which only the addon knows more. */
export interface CachedFileHandle {
  readonly isCachedFile: never;
}

export interface NativeCachedFile {
  readonly handle: CachedFileHandle;
  readonly size: number;
  /** It is a question to the kernel, as in proc, and has no pages. */
  readonly interface: boolean;
}

export interface BroughtIn {
  readonly badPages: number;
  /** Of the first one: its number, the errno, and whether the file ended before it. */
  readonly page?: number;
  readonly errno?: number;
  readonly truncated?: boolean;
}

export interface Dropped {
  /** Of writing out what was dirty, or 0. */
  readonly errno: number;
  /** Pages in memory before and after, -1 where the kernel does not tell. */
  readonly before: number;
  readonly after: number;
}

/** Bits of a question: what to ask, and how. */
export const ASK = { cachestat: 1, mincore: 2, prune: 4, follow: 8, fileSystem: 16 } as const;

/** The answers to a batch of names, in their order. */
export interface Surveyed {
  /** Of the question, as it was asked. */
  readonly bits: number;
  /** A row of `ROW.length` numbers for each file, at the places of ROW. */
  readonly rows: Float64Array;
  /** The cells of all files that have some, one file after the other: pages cached. */
  readonly cells: Float64Array;
  /** By row, where mincore was asked and tells. */
  readonly maps: readonly (PageMap | undefined)[];
}

/**
 * `syscall` is a place in SYSCALLS, `mode` has the S_IFMT bits (0: not known), an inode comes in two halves of 32 bits. `countsPages` and `interface` are as of NativeFolder, where
 * the file system was asked for. `counted` is the errno of cachestat (-1: it was not asked), behind which its columns follow, in pages. `mapped` tells whether mincore tells (-1: it was
 * not asked). `witness` is what cachestat says of a file in which mincore has just found resident pages: that there are none (0), or some (1); -1 without such pages.
 */
export const ROW = {
  errno: 0,
  syscall: 1,
  mode: 2,
  device: 3,
  inodeHigh: 4,
  inodeLow: 5,
  links: 6,
  size: 7,
  allocated: 8,
  countsPages: 9,
  interface: 10,
  counted: 11,
  cached: 12,
  dirty: 13,
  writeback: 14,
  evicted: 15,
  recentlyEvicted: 16,
  lastCached: 17,
  cells: 18,
  mapped: 19,
  witness: 20,
  length: 21,
} as const;

export const SYSCALLS = [undefined, 'stat', 'open', 'fstat'] as const;

/** The next entries of a folder. Where they were looked at, the first of them have a row each, of which those that are no regular files have only the mode. */
export interface Listing extends Surveyed {
  /** Each with a zero byte behind it. */
  readonly names: Buffer;
  /** What they are: one of ENTRY, or another number of readdir(3). */
  readonly kinds: Buffer;
  readonly end: boolean;
  /** Why the folder could not be read to its end, or 0. */
  readonly errno: number;
}

export const ENTRY = { fifo: 1, characterDevice: 2, folder: 4, blockDevice: 6, file: 8, link: 10, socket: 12 } as const;

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

/** One open file of one environment. All page numbers are checked again behind the door; a bad one throws a RangeError. */
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
   * Lays window `index` over the address range of `buffer`, whose length says how long it is. The buffer must stay referenced while it is in use,
   * and as long the one that is returned: the window's board, which also tells V8 in time when the environment ends with the window in place. It is 32-bit
   * numbers: how old its verdicts can be, when they were last used, and a bit for each page.
   */
  place(index: number, buffer: Buffer): Buffer;
  /** Empties windows on a thread, so that unmapping them later is cheap. */
  empty(indexes: Float64Array): Promise<void>;
  /** Whether no thread uses window `index` now. */
  idle(index: number): boolean;
  /** Forgets window `index`. With `detach`, its views get length 0 and it is unmapped at once. Without, the garbage collector does it after the last
   * view; `account` must be called right after the last reference has gone. */
  remove(index: number, buffer: Buffer, detach: boolean): void;
  /** Asks the kernel about a page: MISSING, RESIDENT (then it is mapped) or MARKED. Its window must have been placed. */
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
  /** joined, bytesFetched, verdictsDropped, entries queued; p50, p90, p99 and longest time from request to arrival, ms. */
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

/** The file that the addon is loaded from; throws where there is none. */
export function addonPath(): string {
  return (require('node-gyp-build') as { path(folder: string): string }).path(packageRoot());
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
export function packageRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'binding.gyp')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}
