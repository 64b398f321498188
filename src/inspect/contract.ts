import type { NofaultError } from '../errors';
import type { ByteRange, ResidencyMap } from '../file/contract';

/*
 * The inspector's functions, each in a file of its name:
 *
 *   inspect(paths, options?): Inspection                            what is in memory of files and trees, once
 *   residencyOf(path, range?): Promise<ResidencyMap>                of one file or a byte range of it, page by page
 *   follow(paths, options?): AsyncIterable<Round>                   of the same files again and again, cheaply
 *   warm(paths, options?), evict(paths, options?): AsyncIterable<Progress>
 *   snapshot(paths, out, options?): Promise<SnapshotSummary>
 *   restore(snapshot, options?): AsyncIterable<Progress>
 *
 * Wrong arguments throw at once. What is wrong with one file is told of that file, and the others go on. All questions are asked on threads.
 */

/** The name of a file or folder: text, or its bytes where they are not UTF-8. What the inspector yields is a Buffer only where text would lose bytes. */
export type FileName = string | Buffer;

/**
 * What to look at: a file, or a folder and all that is below it. Symbolic links that are given are followed, those that are met below a folder are not. Names
 * are looked up from the working directory of the moment.
 */
export type Paths = FileName | URL | Iterable<FileName | URL>;

/** How folders are walked. */
export interface TreeOptions {
  /**
   * Whether a folder that is given is walked, with all folders below it. Where it is not, it fails as everything does that is no regular file.
   * @default true
   */
  readonly recursive?: boolean;
  /**
   * Globs (`*.idx`, `**\/2024/*`) of which a file below a folder must match one. One without a `/` is matched with the file's name, another with its path below the
   * folder that was given. Files that are given themselves are always taken.
   */
  readonly include?: string | readonly string[];
  /** Globs of files and folders below a folder that are left out, however they match `include`; of a folder, with all below it. */
  readonly exclude?: string | readonly string[];
  /** Whether folders on another file system than the one that was given are left out. @default false */
  readonly oneFileSystem?: boolean;
  /** Ends the iteration: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface InspectOptions extends TreeOptions {
  /**
   * Whether each file comes with its map. Exact and asked of mincore, so it takes 18 ms a GiB that is cached; without it files are only counted.
   * @default false
   */
  readonly map?: boolean;
  /**
   * Into how many cells of whole pages each file is cut, at most; a small file has one a page. Counting cells costs as much as counting the file. From 1 to
   * 65,536.
   */
  readonly cells?: number;
}

/**
 * One file, as of a moment ago: counted, or why it could not be. Everything is in bytes; the last page counts only as far as the file goes.
 *
 * Without `map` it is counted by cachestat(2) where the file system has been seen to count truly, which takes pages that are being read in at this moment for resident;
 * with `map`, and elsewhere, by mincore(2), which does not.
 */
export interface FileResidency {
  readonly path: FileName;
  /** Why nothing is known of it; then every number is 0. `IO` (missing, not readable, ...), or `UNSUPPORTED` for what is no regular file. */
  readonly error?: NofaultError;
  readonly size: number;
  /** Bytes that it takes on its device: fewer than `size` where it has holes. */
  readonly allocatedBytes: number;
  /** Bytes in a page of this machine. */
  readonly pageSize: number;
  /** Bytes known to be in the page cache. */
  readonly residentBytes: number;
  /** Bytes that the kernel did not tell about: none or all. All of a file that the caller neither owns nor may write to, since mincore pretends to such a caller. */
  readonly unknownBytes: number;
  /** What else cachestat counts; absent where it does not count truly. */
  readonly kernel?: KernelCounts;
  /** Whether the same file (device and inode) has been yielded before by another name. It is in no total then. */
  readonly again: boolean;
  /** With `options.map`. */
  readonly map?: ResidencyMap;
  /** With `options.cells`, and where something is known: resident bytes of each cell. Cell i of n covers the pages from floor(i * pages / n) up to floor((i + 1) * pages / n). */
  readonly cells?: Float64Array;
}

/** The columns of cachestat(2), in bytes of whole pages. */
export interface KernelCounts {
  /** Written to, and not yet on its way to the device. */
  readonly dirtyBytes: number;
  /** On its way to the device. */
  readonly writebackBytes: number;
  /** Has been in memory and was reclaimed, as far as the kernel still knows. */
  readonly evictedBytes: number;
  /** Those of them that, had they stayed, would be used: bringing them back soon counts as a refault. */
  readonly recentlyEvictedBytes: number;
}

/** Sums over files; those yielded again are in none. */
export interface Totals {
  /** Files that were counted. */
  readonly files: number;
  /** Files and folders that could not be. */
  readonly failed: number;
  readonly size: number;
  readonly residentBytes: number;
  readonly unknownBytes: number;
  /** Absent where one of the files has none: then the sums are not known. */
  readonly kernel?: KernelCounts;
}

/**
 * The files, in the order of the paths, and below folders in the order in which the file system lists them. Each is yielded as soon as it is known, and memory stays
 * bounded however many there are. Can be iterated once.
 */
export interface Inspection extends AsyncIterable<FileResidency> {
  /** Of what has been yielded up to now. */
  readonly totals: Totals;
}

/*
 * What a live view polls: `follow`. A round of it opens each file, asks cachestat once a cell, and closes it again: nothing is mapped and nothing is asked page by page. It
 * costs 2 us a file, 0.2 us a cell, and for what is cached 0.5 ms a GiB (large folios) to 12 ms (folios of 4 KiB), whatever the size of the files; all of it on threads.
 * `follow` paces itself by what its rounds cost. For single pages of what is on the screen there is `residencyOf` with a range: it costs at most 70 ns a page.
 */

export interface FollowOptions extends TreeOptions {
  /** Cells of each file, as for `inspect`. @default 256 */
  readonly cells?: number;
  /** The least time from the start of one round to the start of the next, in ms. @default 1000 */
  readonly interval?: number;
  /** The most of one processor that rounds may take, from 0 to 1: what has cost more is followed by a longer pause. @default 0.03 */
  readonly share?: number;
  /** The most files that are followed; more are an error, `LIMIT`, in the first round. @default 10000 */
  readonly mostFiles?: number;
}

/** All files at one time. */
export interface Round {
  /** When it was taken, in ms since the epoch. */
  readonly time: number;
  /** In the same order each time, until files come or go: folders are walked again every ten seconds. Objects are made anew each round. */
  readonly files: readonly FileResidency[];
  readonly totals: Totals;
}

/** A file, or parts of it: `ranges` are bytes at any alignment, and may overlap and reach behind the file's end. */
export interface FileParts {
  readonly path: FileName | URL;
  readonly ranges: Iterable<ByteRange>;
}

/** What to warm or evict: as for `inspect`, and parts of files too. */
export type PathsOrParts = FileName | URL | FileParts | Iterable<FileName | URL | FileParts>;

export interface WarmOptions extends TreeOptions {
  /** The most bytes a second to read; unlimited if it is not given. */
  readonly rate?: number;
  /** Parts to take of every file that is given without its own. */
  readonly ranges?: Iterable<ByteRange>;
  /** Counts what there is to do before any of it is done, so that `toDo` is right from the start: costs one more walk. @default false */
  readonly countFirst?: boolean;
}

export interface EvictOptions extends TreeOptions {
  readonly ranges?: Iterable<ByteRange>;
  readonly countFirst?: boolean;
  /**
   * Whether pages that are dirty are written to their device first; otherwise they stay.
   * @default true
   */
  readonly flush?: boolean;
}

/**
 * How far warming, evicting or restoring has come; yielded when a file is finished, and while a large one is not, several times a second. A file that fails is told
 * here and does not end the iteration.
 */
export interface Progress {
  /** The file that this is about. */
  readonly path: FileName;
  /** Whether it is finished, well or not. */
  readonly finished: boolean;
  readonly error?: NofaultError;
  /** Bytes of this file that have been brought in, or that have left. */
  readonly bytes: number;
  /** Bytes of this file that were asked for and are where they should be already; holes count as such. */
  readonly skippedBytes: number;
  /** Evicting: bytes that stayed in memory, since somebody has them mapped, locked, or under way to the device. */
  readonly keptBytes: number;
  /** Evicting: bytes of which the kernel does not tell whether they have left. */
  readonly unknownBytes: number;
  /** All files up to now. */
  readonly totals: ProgressTotals;
}

export interface ProgressTotals {
  /** Files finished, those that failed not among them. */
  readonly files: number;
  readonly failed: number;
  readonly bytes: number;
  readonly skippedBytes: number;
  readonly keptBytes: number;
  readonly unknownBytes: number;
  /** Bytes to bring in, or to evict, in all; undefined until it is known. An estimate: pages come and go meanwhile. */
  readonly toDo: number | undefined;
  /** Restoring: bytes of the snapshot that are left out since they would not fit into memory beside what is there. */
  readonly leftOutBytes: number;
}

export interface SnapshotOptions extends TreeOptions {
  /** Called after each file. */
  readonly onProgress?: (progress: { readonly path: FileName; readonly totals: Totals }) => void;
}

/** What a snapshot holds. */
export interface SnapshotSummary {
  /** Files of which something was resident. */
  readonly files: number;
  readonly runs: number;
  readonly residentBytes: number;
  /** Bytes of the snapshot file. */
  readonly snapshotBytes: number;
  /** Files that could not be looked at, the first 100 of them. */
  readonly failures: readonly { readonly path: FileName; readonly error: NofaultError }[];
  readonly failed: number;
}

export interface RestoreOptions {
  /** The folder that stands for `/`: nothing outside of it is opened, whatever the snapshot says and wherever links lead. */
  readonly root?: FileName | URL;
  /** The most bytes a second to read. */
  readonly rate?: number;
  /** The most bytes of the snapshot to take, the densest files first. By default what the machine, and the memory limit of the control group, have available; the rest is left out. */
  readonly mostBytes?: number;
  readonly signal?: AbortSignal;
}
