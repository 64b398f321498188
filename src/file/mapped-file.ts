import { invalidArgument } from '../errors';
import type { ByteRange, FileStats, GetOptions, PageSet, Refreshed, ResidencyMap, Run } from './contract';
import { Copy } from './copying';
import { knownPages } from './known-pages';
import { checkOptions, VectorPageSet } from './page-set';
import type { Pages } from './pages';
import { closedError } from './read-errors';
import { lookAgain } from './refreshing';
import { residencyMap } from './residency-map';
import { ThreadReading } from './thread-reading';
import { checkBytes, checkRange, pageVector, rangeVector } from './vector';

/** Pages that nobody has any more and nobody closed: what they hold is let go, except what views need. */
const abandoned = new FinalizationRegistry<Pages>((pages) => pages.abandon());

/** Files that were replaced and are kept open for their sets, if nobody lets go of those. */
const KEPT = 16;

const NO_OPTIONS: GetOptions = Object.freeze({});

/** What the sets of one state of a file hold, so that its pages stay. */
interface Holder {
  /** The file, as long as it has these pages; they are another file's later, which its own sets keep. */
  file: MappedFile | undefined;
}

/**
 * A file that is read through memory mappings without the event loop waiting for its device. Made by `open`.
 *
 * `try*` answer at once or return undefined; everything else that may wait returns a promise. Wrong arguments throw at once, with code
 * `INVALID_ARGUMENT`, `OUT_OF_RANGE` or `LIMIT`; after `close` everything throws `CLOSED`.
 *
 * Views are the mapping itself, without a copy: valid until `close`, of length 0 afterwards, and not to be written to. That a page is resident is a
 * promise about now: touch it in this turn of the event loop, ask again, or take a copy.
 */
export class MappedFile implements AsyncDisposable {
  /** As it was opened. */
  readonly path: string;
  /** Bytes in a page of this machine. */
  readonly pageSize: number;
  #pages: Pages;
  #holder: Holder = { file: this };
  /** What the file had before it was replaced, as long as somebody may use it. */
  #earlier: Pages[] = [];
  #refreshing: Promise<Refreshed> | undefined;

  /** @internal */
  constructor(pages: Pages) {
    this.path = pages.path;
    this.pageSize = pages.pageSize;
    this.#pages = pages;
    abandoned.register(this, pages, this);
  }

  /** Bytes, when it was opened or last refreshed. */
  get size(): number {
    return this.#pages.size;
  }

  /** Pages of the file, when it was opened or last refreshed; the last one may be partly filled. */
  get pageCount(): number {
    return this.#pages.pageCount;
  }

  /**
   * Asks for a vector of page numbers and runs of pages: what is resident is there at once, the rest is fetched in the background. Duplicates, overlaps
   * and any order are welcome. A run has at most 16 MiB. What the kernel cannot be asked about within about 1.5 ms counts as
   * missing, and arrives as soon as a thread has looked.
   */
  getPages(vector: Iterable<number | Run> | Uint32Array, options: GetOptions = NO_OPTIONS): PageSet {
    const pages = this.#pages;
    pages.assertOpen();
    if (options !== NO_OPTIONS) checkOptions(options);
    return knownPages(vector, pages, this.#holder) ?? new VectorPageSet(pages, pageVector(vector, pages), options, this.#holder);
  }

  /** The same for byte ranges `{ offset, length }` at any alignment, of at most 16 MiB each; or for the offset and the length of each in turn, as numbers. */
  getRanges(vector: Iterable<ByteRange> | Float64Array, options: GetOptions = NO_OPTIONS): PageSet {
    this.#pages.assertOpen();
    checkOptions(options);
    return new VectorPageSet(this.#pages, rangeVector(vector, this.#pages), options, this.#holder);
  }

  /** A view of one page if it is resident now, else undefined. The fastest way; fetches nothing. The last page's view ends with the file. */
  tryPage(page: number): Uint8Array | undefined {
    return this.#pages.page(page);
  }

  /** A view of `length` bytes (at most 16 MiB) from `offset` on if all of them are resident now, else undefined. Fetches nothing. */
  tryRange(offset: number, length: number): Uint8Array | undefined {
    const pages = this.#pages;
    pages.assertOpen();
    checkRange(offset, length, 'the range', pages);
    return pages.bytes(offset, length);
  }

  /**
   * Fills each buffer with the file's bytes from its position on, if all of them are resident now: the number of bytes copied, or undefined and nothing is
   * copied. Fetches nothing.
   */
  tryRead(into: ArrayBufferView[], positions: number[]): number | undefined {
    this.#pages.assertOpen();
    return new Copy(this.#pages, into, positions).now();
  }

  /**
   * Fills each buffer with the file's bytes from its position on; resolves to the number of bytes copied. Buffers are written on the event loop only, one
   * piece at a time as it arrives; rejects with `INVALID_ARGUMENT` when one is transferred or resized meanwhile.
   */
  read(into: ArrayBufferView[], positions: number[], options: GetOptions = NO_OPTIONS): Promise<number> {
    checkOptions(options);
    return new Copy(this.#pages, into, positions).all(options, this.#holder);
  }

  /** Fetches what of the vector is missing, behind everything interactive. Nobody has to wait for it; a failure is in `stats()`. */
  prefetch(vector: Iterable<number | Run> | Uint32Array): void {
    this.getPages(vector, { priority: 'scan' });
  }

  /** What of the file, or of a byte range of it, is in memory as of a moment ago. Asked on a thread; brings nothing in. */
  residency(range: ByteRange = { offset: 0, length: this.size }): Promise<ResidencyMap> {
    if (typeof range !== 'object' || range === null) throw invalidArgument('range', 'a byte range { offset, length }', range);
    checkBytes(range.offset, range.length, 'the range', this.#pages);
    return residencyMap(this.#pages, range);
  }

  /**
   * Brings the pages of a vector into memory and keeps them there, mapped, until they are unlocked or the file is closed; resolves when all of them are
   * there. Locking what is locked already is fine and counts once. All or nothing: rejects with `LIMIT` when a limit of the system stands in the way
   * (RLIMIT_MEMLOCK, vm.max_map_count; the message says how much is locked), and with `IO` or `TRUNCATED` when a page cannot be read.
   */
  lock(vector: Iterable<number | Run> | Uint32Array): Promise<void> {
    return this.#pages.locks.lock(pageVector(vector, this.#pages), this.#holder);
  }

  /**
   * Lets go of pages that `lock` keeps: from now on they may leave memory. Pages that are not locked are fine; those that a `lock` called before is still
   * bringing in are left out of it. Rejects with `LIMIT` when vm.max_map_count does not allow to cut a run that was locked as one.
   */
  unlock(vector: Iterable<number | Run> | Uint32Array): Promise<void> {
    return this.#pages.locks.unlock(pageVector(vector, this.#pages), this.#holder);
  }

  /**
   * Looks at the file again, for it may have changed since it was opened. Grown: the new pages can be read, views stay as they are. Shrunk: pages behind the
   * new end are `OUT_OF_RANGE`, and what was asked for before fails with `TRUNCATED`. Replaced (another file has been renamed to the path): the new file is
   * read from now on, while views and sets from before show the old one (sets until the sixteenth replacement after it: then they are `CLOSED`). Pages on which an error was noted because a touch of a view failed are read again.
   *
   * A file that was opened by a handle is never found replaced. Rejects with `IO` when the path cannot be looked at, and everything stays as it was.
   */
  refresh(): Promise<Refreshed> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<Refreshed> {
    const pages = this.#pages;
    const before = pages.size;
    const replacement = await lookAgain(pages);
    const { size } = replacement ?? pages;
    if (replacement !== undefined && pages.closed) {
      await replacement.close();
      throw closedError(pages.path);
    }
    if (replacement === undefined) return { size, change: size > before ? 'grown' : size < before ? 'shrunk' : 'none' };
    this.#earlier = this.#earlier.filter((old) => !old.closed || old.haveViews);
    this.#earlier.push(pages);
    const open = this.#earlier.filter((old) => !old.closed);
    for (const old of open.slice(0, Math.max(0, open.length - KEPT))) old.abandon();
    this.#holder.file = undefined;
    abandoned.register(this.#holder, pages);
    abandoned.unregister(this);
    abandoned.register(this, replacement, this);
    this.#holder = { file: this };
    this.#pages = replacement;
    return { size, change: 'replaced' };
  }

  /**
   * @internal Throws `TRUNCATED` when the file, as the kernel knows it, ends before `end`. What has been read of its views up to there, and disturbed no guard, was the file's
   * if this does not throw.
   */
  assertReaches(end: number): void {
    this.#pages.assertOpen();
    this.#pages.assertReaches(end);
  }

  /** @internal For the addon's rooms that read on threads. */
  threadReading(): ThreadReading {
    this.#pages.assertOpen();
    return new ThreadReading(this.#pages, this.#holder);
  }

  /** Counts since the file was opened or replaced; also after it was closed. */
  stats(): FileStats {
    return this.#pages.stats();
  }

  /**
   * Closes the file: calls that wait reject with `CLOSED`, all views get length 0, and nothing stays mapped (but what the garbage collector had found
   * without views and is unmapping just then). Can be called repeatedly. A read that hangs in the kernel is not waited for.
   */
  async close(): Promise<void> {
    const earlier = this.#earlier.splice(0);
    await Promise.all([this.#pages.close(), ...earlier.map((old) => (old.closed ? old.endViews() : old.close()))]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
