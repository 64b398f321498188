import { invalidArgument } from '../errors';
import type { ByteRange, FileStats, GetOptions, PageSet, ResidencyMap, Run } from './contract';
import { Copy } from './copying';
import { checkOptions, VectorPageSet } from './page-set';
import type { Pages } from './pages';
import { residencyMap } from './residency-map';
import { checkBytes, checkPage, checkRange, pagesOf, pageVector, rangeVector } from './vector';

/** Files that nobody has any more and nobody closed: what they hold is let go, except what views need. */
const abandoned = new FinalizationRegistry<Pages>((pages) => pages.abandon());

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
  /** Bytes, when it was opened. */
  readonly size: number;
  /** Bytes in a page of this machine. */
  readonly pageSize: number;
  /** Pages of the file; the last one may be partly filled. */
  readonly pageCount: number;
  readonly #pages: Pages;

  /** @internal */
  constructor(pages: Pages) {
    this.path = pages.path;
    this.size = pages.size;
    this.pageSize = pages.pageSize;
    this.pageCount = pages.pageCount;
    this.#pages = pages;
    abandoned.register(this, pages);
  }

  /**
   * Asks for a vector of page numbers and runs of pages: what is resident is there at once, the rest is fetched in the background. Duplicates, overlaps
   * and any order are welcome. A run has at most 16 MiB. What the kernel cannot be asked about within about 1.5 ms counts as
   * missing, and arrives as soon as a thread has looked.
   */
  getPages(vector: Iterable<number | Run> | Uint32Array, options: GetOptions = {}): PageSet {
    this.#pages.assertOpen();
    checkOptions(options);
    return new VectorPageSet(this.#pages, pageVector(vector, this.#pages), options, this);
  }

  /** The same for byte ranges `{ offset, length }` at any alignment, of at most 16 MiB each. */
  getRanges(vector: Iterable<ByteRange>, options: GetOptions = {}): PageSet {
    this.#pages.assertOpen();
    checkOptions(options);
    return new VectorPageSet(this.#pages, rangeVector(vector, this.#pages), options, this);
  }

  /** A view of one page if it is resident now, else undefined. The fastest way; fetches nothing. The last page's view ends with the file. */
  tryPage(page: number): Uint8Array | undefined {
    const pages = this.#pages;
    pages.assertOpen();
    checkPage(page, pages);
    const view = pages.page(page);
    if (view === undefined) pages.misses++;
    else pages.hits++;
    return view;
  }

  /** A view of `length` bytes (at most 16 MiB) from `offset` on if all of them are resident now, else undefined. Fetches nothing. */
  tryRange(offset: number, length: number): Uint8Array | undefined {
    const pages = this.#pages;
    pages.assertOpen();
    checkRange(offset, length, 'the range', pages);
    const view = pages.range(offset, length, Math.floor(offset / pages.pageSize), pagesOf(offset, length, pages.pageSize));
    if (view === undefined) pages.misses++;
    else pages.hits++;
    return view;
  }

  /**
   * Fills each buffer with the file's bytes from its position on, if all of them are resident now: the number of bytes copied, or undefined and nothing is
   * copied. Fetches nothing.
   */
  tryRead(into: ArrayBufferView[], positions: number[]): number | undefined {
    this.#pages.assertOpen();
    const bytes = new Copy(this.#pages, into, positions).now();
    if (bytes === undefined) this.#pages.misses++;
    else this.#pages.hits++;
    return bytes;
  }

  /**
   * Fills each buffer with the file's bytes from its position on; resolves to the number of bytes copied. Buffers are written on the event loop only, one
   * piece at a time as it arrives; rejects with `INVALID_ARGUMENT` when one is transferred or resized meanwhile.
   */
  read(into: ArrayBufferView[], positions: number[], options: GetOptions = {}): Promise<number> {
    checkOptions(options);
    return new Copy(this.#pages, into, positions).all(options, this);
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

  /** Counts since the file was opened; also after it was closed. */
  stats(): FileStats {
    return this.#pages.stats();
  }

  /**
   * Closes the file: calls that wait reject with `CLOSED`, all views get length 0, and nothing stays mapped. Can be called repeatedly. A read that hangs
   * in the kernel is not waited for.
   */
  close(): Promise<void> {
    return this.#pages.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
