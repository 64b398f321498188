import type { NofaultError } from '../errors';

/** Adjacent pages: `count` pages (at least 1) from page `first` on. */
export interface Run {
  readonly first: number;
  readonly count: number;
}

/** A stretch of bytes at any alignment; `length` may be 0. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface OpenOptions {
  /**
   * How long a verdict (this page is resident) is believed. `'never'` asks the kernel on every call. `'watch'` lets a young verdict stand: the one that a
   * set was given, for a turn of the event loop.
   * @default 'watch'
   */
  readonly trust?: 'watch' | 'never';
  /** Abandons the opening; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface GetOptions {
  /** Cancels what has not been read yet. Entries that are still missing then fail with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * `'interactive'` is fetched before `'scan'`, which takes what the device has left.
   * @default 'interactive'
   */
  readonly priority?: 'interactive' | 'scan';
  /**
   * Who will touch the bytes. For `'loop'` an entry is served when its bytes are resident in this turn of the event loop. For `'thread'` it is once they have
   * been in memory: nothing is asked again, which is cheaper, and a touch may wait after all. So hand them to native code that reads them on a thread of its
   * own, such as the asynchronous functions of `node:zlib`, and leave them alone yourself. Where some of the first entries of a vector are missing, the others
   * count as missing too: threads find out what of them is in memory.
   * @default 'loop'
   */
  readonly reader?: 'loop' | 'thread';
}

export interface ConfigureOptions {
  /**
   * The most threads that fetch at once, for the whole process. One device gets at most three quarters of them.
   * @default 64
   */
  readonly maxThreads?: number;
  /**
   * The most bytes being fetched at once, for the whole process.
   * @default 268435456 (256 MiB)
   */
  readonly maxBytesInFlight?: number;
}

/**
 * The answer to one vector: what was resident when it was asked (hits), and what is on its way (misses). Entries are numbered as they were given.
 *
 * Iterating yields entry numbers: hits first, the others as they arrive, failed ones too, each once and in a turn of the event loop in which it is
 * resident; `bytes` in that turn gives the data (or throws the entry's error, or `NOT_RESIDENT` where memory is so short that it has left again
 * already). A failure that nobody asks about is no unhandled rejection.
 */
export interface PageSet extends AsyncIterable<number> {
  /** Number of entries. */
  readonly length: number;
  /** Entries that were resident when the vector was asked. */
  readonly hits: number;
  /** Entries that were not. `hits + misses === length`. */
  readonly misses: number;
  /** Whether every entry has been served or has failed by now. */
  readonly complete: boolean;
  /** Whether `entry` was resident when the vector was asked. Throws `OUT_OF_RANGE` for an entry that is not in the vector. */
  isHit(entry: number): boolean;
  /**
   * The entry's bytes, in place: a view of the mapping, never a copy. It stays valid until the file is closed and has length 0 afterwards; it must not
   * be written to. It is resident in this turn of the event loop; later, ask again or risk that a touch waits for the device.
   *
   * Throws `NOT_RESIDENT` when the entry has not arrived or has left memory again, and the entry's own error when it failed.
   */
  bytes(entry: number): Uint8Array;
  /**
   * Where the bytes of all entries lie, for native code that reads them: what `bytes` gives for each, without a view a piece. Throws what `bytes` would for the first
   * entry that it throws for.
   */
  places(): Places;
  /**
   * Resolves to this set when each entry has been in memory once; rejects with the first entry's error. Awaiting it keeps the process alive, as any
   * read does.
   */
  readonly arrived: Promise<PageSet>;
}

/** Where the entries of a vector lie: entry i begins `offset[i]` bytes into `memory[which[i]]`. Valid for as long as views of them would be. */
export interface Places {
  readonly memory: readonly ArrayBuffer[];
  readonly which: Uint32Array;
  readonly offset: Float64Array;
}

/** What of a file is in memory, as of a moment ago. All positions are bytes. */
export interface ResidencyMap {
  /** Bytes of the file (or of the range that was asked about). */
  readonly size: number;
  readonly pageSize: number;
  /** Bytes known to be in the page cache. The last page counts only as far as the file goes. */
  readonly residentBytes: number;
  /** Bytes that the kernel did not tell about. */
  readonly unknownBytes: number;
  /** The file from start to end in runs of one state each; neighbours differ. Can be iterated repeatedly. */
  readonly runs: Iterable<ResidencyRun>;
}

export interface ResidencyRun {
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  readonly state: 'resident' | 'missing' | 'unknown';
}

/** What `refresh` found. */
export interface Refreshed {
  /** Bytes of the file now. */
  readonly size: number;
  readonly change: 'none' | 'grown' | 'shrunk' | 'replaced';
}

/** Counts since the file was opened. */
export interface FileStats {
  /** Entries (and `try*` calls) answered at once. `boardHits + kernelHits`. */
  readonly hits: number;
  /** Those of them that needed no question: a verdict still stood. */
  readonly boardHits: number;
  /** Those of them that the kernel was asked about. */
  readonly kernelHits: number;
  /** Entries (and `try*` calls) that were not resident when asked. */
  readonly misses: number;
  /** Runs that were already being fetched for somebody else, and were waited for rather than read again. */
  readonly joined: number;
  /** Bytes of the runs that were fetched. */
  readonly bytesFetched: number;
  /** Entries of this file that are being waited for now. */
  readonly inFlight: number;
  /** Those of them that no thread has begun to fetch. */
  readonly queueDepth: number;
  /** How long entries took from when they were asked for until they had arrived, in ms, right to a fifth; 0 while none has. */
  readonly fetchLatency: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number };
  /** Entries that failed, and touches of views that did. */
  readonly errors: number;
  /** The last failure, also when nobody asked for it. */
  readonly lastError: NofaultError | undefined;
  /** Verdicts that were taken back because the page had left memory. */
  readonly verdictsDropped: number;
  /** Times when the event loop's thread waited for a device inside a call of this library after all. */
  readonly blockedTouches: number;
  /** Windows of this file that are mapped now. */
  readonly windows: number;
  /** Bytes of the pages that `lock` keeps in memory now. */
  readonly lockedBytes: number;
}
