import type { PageMap } from './file';

/** What the addon offers to `src/inspect` and to `nofault doctor`: what is in memory of any file, and what the kernel allows. */
export interface InspectionAddon {
  /** Tries out on a thread what the kernel allows: the errno that each question is refused with, or 0. */
  probe(): Promise<KernelFacts>;
  /** The same for one file, of which it reads the first page and no other. Rejects as `open` does. */
  probe(path: Buffer): Promise<FileFacts>;
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
  /**
   * Reads runs of pages, given by their edges; all are asked for at once. With `inOrder` they are read one after the other, for which the kernel reads ahead, beyond the last one, too:
   * once at a time, and no other call beside it. What is told of bad pages is the first one.
   */
  bringIn(file: CachedFileHandle, edges: Float64Array, inOrder: boolean): Promise<BroughtIn>;
  /** Drops pages that nobody maps or has locked; those that are dirty only with `flush`. */
  drop(file: CachedFileHandle, first: number, count: number, flush: boolean): Promise<Dropped>;
  closeCached(file: CachedFileHandle): void;
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
  /** As `major:minor`. */
  readonly device: string;
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
