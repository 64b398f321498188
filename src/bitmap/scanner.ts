import { NofaultError } from '../errors';
import type { MappedFile } from '../file/mapped-file';
import type { BitmapRef } from './format';
import type { Tree } from './tree';

/** As of any read: a signal that cancels, and which reads go first. */
export interface ScanOptions {
  /** Stops reading and combining; what is waited for rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** @default 'interactive' */
  readonly priority?: 'interactive' | 'scan';
}

export interface RowsOptions extends ScanOptions {
  /** So many rows at most, the lowest ones. */
  readonly limit?: number;
}

/** What a scan would do, and what of that is in memory, as of a moment ago. */
export interface ScanPlan {
  /** Pages that hold the headers and containers it needs, and their bytes. */
  readonly pages: number;
  readonly bytes: number;
  readonly residentPages: number;
  readonly residentBytes: number;
  readonly missingPages: number;
  readonly missingBytes: number;
  /** Bitmaps whose headers are read. */
  readonly bitmaps: number;
  /** Containers that are read, and those of the same bitmaps that are not, because the headers tell the outcome. */
  readonly containersRead: number;
  readonly containersSkipped: number;
  /** Chunks of which something is read. */
  readonly chunks: number;
  /** What is asked for together, in this order. */
  readonly steps: readonly ScanStep[];
}

export interface ScanStep {
  /** Chunks that the step completes, from `firstChunk` to `lastChunk`. */
  readonly chunks: number;
  readonly firstChunk: number;
  readonly lastChunk: number;
  /** Byte ranges of the file, and their bytes. */
  readonly ranges: number;
  readonly bytes: number;
}

/**
 * Evaluates trees over the bitmaps of one index file without waiting on the event loop: it reads the headers, plans which containers are needed, asks for
 * their pages a step at a time and combines them chunk by chunk as they arrive.
 *
 * Everything that waits rejects with `BAD_FORMAT` and the file's offset when a bitmap is damaged, with `TRUNCATED` or `IO` when its pages cannot be read, with
 * `LIMIT` when the headers of one tree's bitmaps would take too much memory or the tree is too deep, with the signal's reason when it is cancelled, and with
 * `CLOSED` when the scanner is closed. Close it before the file.
 */
export class Scanner {
  constructor(
    readonly file: MappedFile,
    readonly rowCount: number,
  ) {}

  /** How many rows, now, when all it needs is in memory and it takes at most about a millisecond; else undefined. Reads nothing. Throws `BAD_FORMAT`. */
  tryCount(_tree: Tree): number | undefined {
    throw unbuilt();
  }

  /** How many rows. */
  async count(_tree: Tree, _options: ScanOptions = {}): Promise<number> {
    throw unbuilt();
  }

  /** The rows, ascending, in batches of any length but 0. Reading goes ahead of who takes them by a bounded number of bytes only. */
  rows(_tree: Tree, _options: RowsOptions = {}): AsyncIterable<Uint32Array> {
    throw unbuilt();
  }

  /** The rows as a bitmap in the portable Roaring format. */
  async bitmap(_tree: Tree, _options: ScanOptions = {}): Promise<Uint8Array> {
    throw unbuilt();
  }

  /** For each reference how many rows of `where` are in it, in one pass: weighed by 2 ** i over the slices of a column they give its sum. */
  async counts(_where: Tree, _refs: readonly BitmapRef[], _options: ScanOptions = {}): Promise<number[]> {
    throw unbuilt();
  }

  /**
   * The least or the greatest number among the rows of `where`; undefined when there are none. `slices` are two's complement digits, least significant first, the
   * sign last; `where` must have only rows that are not null.
   */
  async extreme(
    _where: Tree,
    _slices: readonly BitmapRef[],
    _which: 'min' | 'max',
    _options: ScanOptions = {},
  ): Promise<bigint | undefined> {
    throw unbuilt();
  }

  /** What `count` would read, and what of that is in memory. Reads headers only. */
  async plan(_tree: Tree): Promise<ScanPlan> {
    throw unbuilt();
  }

  /** Reads all of a bitmap and rejects with `BAD_FORMAT` unless its checksum, its header and each of its containers are right. */
  async check(_ref: BitmapRef, _options: ScanOptions = {}): Promise<void> {
    throw unbuilt();
  }

  /** Cancels everything with `CLOSED`, and resolves when no thread reads the file's windows any more. */
  async close(): Promise<void> {
    throw unbuilt();
  }
}

function unbuilt(): NofaultError {
  return new NofaultError('UNSUPPORTED', 'the scan is being built');
}
