import type { NativeFile } from './file';

/** What the addon offers to `src/bitmap`: building index files, and scans over Roaring bitmaps. */
export interface BitmapAddon {
  /** CRC-32C (RFC 3720) of the bytes, unsigned; `before` is that of the bytes before them. */
  crc32c(bytes: Uint8Array, before?: number): number;
  /** What builds an index file; for each column its kind, 1 for values and 2 for numbers. */
  readonly Build: new (
    kinds: Uint8Array,
  ) => NativeBuild;
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
   * A step of a scan. The next one, as large as an evaluation makes it; or chunks until they need so many bytes or containers, or so many places in headers
   * have been looked at, and `least`: of the goal `extreme`, the least number and not the greatest. Containers whose pages touch become one range. Or the next
   * one that an evaluation has completed.
   */
  readonly Step: {
    new (scan: NativeScan, bytes?: number, containers?: number, places?: number, least?: boolean): NativeStep;
    new (evaluation: NativeEvaluation): NativeOutcome;
  };
  /**
   * Carries a scan out on threads, from now on; nobody else may use the scan any more. `files` are those that its bitmaps lie in. `wake` is called when windows are wanted, and
   * once there is something after `look` has found nothing; until then it is kept, and the loop alive. `behind`: behind everything interactive. `impatient`: whoever takes
   * the rows may soon have enough.
   */
  readonly Evaluation: new (
    scan: NativeScan,
    files: readonly NativeFile[],
    wake: () => void,
    behind: boolean,
    impatient: boolean,
    least: boolean,
  ) => NativeEvaluation;
  /** The portable Roaring bitmap that these complete steps of the goal `bitmap` are together; takes it out of them. Put together on a thread. */
  assemble(steps: readonly NativeOutcome[]): Promise<Uint8Array>;
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

/** What came out of some chunks in a row, or of all. */
export interface NativeOutcome {
  /** How many rows, of the goal `count`. */
  count(): number;
  /** How many rows each further bitmap has, of the goal `counts`. */
  counts(): Float64Array;
  /** The number, of the goal `extreme`; undefined when there are no rows. */
  extreme(): bigint | undefined;
  /** The next rows, of the goal `rows`, so many at most; none when there are no more. */
  takeRows(most: number): Uint32Array;
}

/** Some chunks in a row, what they need, and what came out. */
export interface NativeStep extends NativeOutcome {
  /** Nothing comes after it. */
  readonly last: boolean;
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
  /** A range's bytes are here; they stay readable until all of the step has been combined. */
  arrive(range: number, bytes: Uint8Array): void;
  /** Combines what is ready. */
  combine(): void;
  /** Whether the guard has put a mark on any page since the step was made: what came out may be zeros. */
  disturbed(): boolean;
  /** File and byte offset of a container that does not fit into its own length; undefined where there is none. */
  damage(): Float64Array | undefined;
}

/** What there is of an evaluation. */
export const LOOK = { waiting: 0, step: 1, ended: 2, failed: 3 } as const;

/** Why an evaluation has come to nothing: the fetcher could not read, the guard has put a mark, the file has become shorter, a container is damaged. */
export const FAILURE = { read: 0, marked: 1, ends: 2, damage: 3 } as const;

export interface NativeFailure {
  readonly kind: number;
  readonly file: number;
  /** What could not be read, or the first of the pages of which one is marked; where the file ends; or the container. In bytes. */
  readonly offset: number;
  readonly errno: number;
  readonly truncated: boolean;
  readonly pages: number;
}

/** A scan that threads carry out. */
export interface NativeEvaluation {
  /** What there is, as of LOOK: a step that is complete, in order; of goals whose outcome is numbers, all of them as one. */
  look(): number;
  failure(): NativeFailure | undefined;
  /** Ranges of each file that were missing, and how many were asked about, since this was last called. */
  missed(): Float64Array;
  /** Windows without which it does not go on: the file, and a page that an entry in the window starts at, of each. */
  wanted(): Float64Array;
  /** They have been made. */
  windowsMade(): void;
  /** Lets go of the files, and ends what is under way: nothing may be called any more. Resolves when no thread reads the files' windows. */
  cancel(): Promise<void>;
}

/** What is wrong with a container, and where, in bytes from the start of the bitmap. */
export interface ContainersChecked {
  /** CRC-32C so far. */
  readonly checksum: number;
  readonly wrong?: string;
  readonly offset?: number;
}
