import { NofaultError } from '../errors';
import type { ByteRange } from '../file/contract';
import { addon, type BroughtIn } from '../native';
import type { CachedFile } from './cached-file';
import { refusal } from './failures';
import { readAheadOf } from './machine/read-ahead';
import { shown } from './names';
import { type Pace, Places } from './pace';
import { bytesIn, intersection, type PageRanges, pageRanges } from './page-ranges';
import type { FileProgress } from './progress';

/** Bytes that a thread asks for at once, and threads that do: deep enough for a disk, and not so deep that an interactive read waits long behind them. */
const PIECE = 4 * 2 ** 20;
const PIECES_AT_ONCE = 4;
/**
 * Long runs are read in order where the kernel reads so far ahead that the disk is kept busy: it then takes large folios, which cost a tenth of the processor's time that single pages do, now
 * and whenever they are read. Twice as much as this may be under way for each of them.
 */
const FAR_AHEAD = 2 ** 20;
const LONG = 4 * PIECE;
const LONG_RUNS_AT_ONCE = 2;
/** Pages over which runs are asked about together: asking takes a turn of the loop and of a thread, and a page that nobody wants 50 ns. */
const ASKED_TOGETHER = 16_384;

/** Brings missing parts of files in, for all files of one call. */
export class BringingIn {
  readonly #pace: Pace;
  readonly #places = new Places(PIECES_AT_ONCE);
  readonly #longRuns = new Places(LONG_RUNS_AT_ONCE);
  readonly #pageSize = addon().pageSize;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** What of these ranges is missing and no hole; rejects with the signal's reason. Pages that cannot be read are the file's error, and the others are read all the same. */
  async file(file: CachedFile, ranges: readonly ByteRange[] | undefined, progress: FileProgress, signal: AbortSignal): Promise<void> {
    const edges = pageRanges(ranges, file.size, this.#pageSize, 'touched');
    const reading = new Set<Promise<void>>();
    for (const near of neighbours(edges)) {
      const end = near.at(-1) as number;
      for (let from = near[0] as number; from < end; ) {
        signal.throwIfAborted();
        const found = await file.missing(from, end);
        const missing = intersection(found.edges, near);
        const asked = intersection([from, found.reached], near);
        progress.skipped(bytesIn(asked, file.size, this.#pageSize) - bytesIn(missing, file.size, this.#pageSize));
        const { inOrder, atOnce } = this.#split(missing, file);
        for (const piece of this.#pieces(atOnce)) {
          await this.#pace.turn(bytesIn(piece, file.size, this.#pageSize), signal);
          await this.#places.take();
          const work = this.#piece(file, piece, progress, false).finally(() => reading.delete(work));
          reading.add(work);
          if (signal.aborted) break;
        }
        // The ends of long runs are in memory before: a page that the kernel has read ahead makes it read on when it is read itself. And both ways at once would not do, for how a
        // file is read is a matter of its descriptor.
        if (inOrder.length > 0) await Promise.all(reading);
        for (let i = 0; i < inOrder.length; i += 2) await this.#longRun(file, inOrder.slice(i, i + 2), progress, signal);
        from = found.reached;
      }
    }
    await Promise.all(reading);
  }

  /** What is read in order, and what in pieces: all that the kernel could read beyond the end of a run that is read in order. */
  #split(edges: PageRanges, file: CachedFile): { readonly inOrder: PageRanges; readonly atOnce: PageRanges } {
    const most = LONG / this.#pageSize;
    const ahead =
      this.#pace.limited || !edges.some((end, i) => i % 2 === 1 && end - (edges[i - 1] as number) >= most) ? 0 : readAheadOf(file.device);
    if (ahead < FAR_AHEAD) return { inOrder: [], atOnce: edges };
    const inOrder: number[] = [];
    const atOnce: number[] = [];
    for (let i = 0; i < edges.length; i += 2) {
      const [first, end] = [edges[i] as number, edges[i + 1] as number];
      // While one stretch is read, the next one is under way; nothing is behind the end of the file.
      const last = end * this.#pageSize >= file.size ? end : Math.floor(end - (2 * ahead) / this.#pageSize);
      if (last - first < most) {
        atOnce.push(first, end);
        continue;
      }
      inOrder.push(first, last);
      if (last < end) atOnce.push(last, end);
    }
    return { inOrder, atOnce };
  }

  async #longRun(file: CachedFile, [first, end]: PageRanges, progress: FileProgress, signal: AbortSignal): Promise<void> {
    await this.#longRuns.take();
    try {
      for (const piece of this.#pieces([first as number, end as number])) {
        signal.throwIfAborted();
        await this.#places.take();
        await this.#piece(file, piece, progress, true);
      }
    } finally {
      this.#longRuns.leave();
    }
  }

  async #piece(file: CachedFile, edges: Float64Array, progress: FileProgress, inOrder: boolean): Promise<void> {
    const brought = await file.bringIn(edges, inOrder).finally(() => this.#places.leave());
    const bytes = bytesIn(edges, file.size, this.#pageSize);
    progress.done(Math.max(0, bytes - brought.badPages * this.#pageSize));
    if (brought.badPages > 0) progress.failed(this.#unreadable(progress, brought));
  }

  #unreadable({ path }: FileProgress, { page = 0, errno = 0, truncated, badPages }: BroughtIn): NofaultError {
    const offset = page * this.#pageSize;
    if (truncated) {
      const message = `${shown(path)} has become shorter: it ends before byte ${offset}`;
      return new NofaultError('TRUNCATED', message, { path: shown(path), offset });
    }
    const { message } = refusal(path, errno, 'pread', `read at byte ${offset} (and ${badPages - 1} more pages) of`);
    return new NofaultError('IO', message, { errno, syscall: 'pread', path: shown(path), offset });
  }

  /** Cuts runs into lists of runs of at most a piece each. */
  *#pieces(edges: PageRanges): Generator<Float64Array, void, undefined> {
    const most = Math.max(1, Math.floor(this.#pace.most(PIECE) / this.#pageSize));
    let piece: number[] = [];
    let room = most;
    for (let i = 0; i < edges.length; i += 2) {
      const end = edges[i + 1] as number;
      for (let first = edges[i] as number; first < end; ) {
        const behind = Math.min(end, first + room);
        piece.push(first, behind);
        room -= behind - first;
        first = behind;
        if (room > 0) continue;
        yield Float64Array.from(piece);
        piece = [];
        room = most;
      }
    }
    if (piece.length > 0) yield Float64Array.from(piece);
  }
}

/** Lists of runs that lie close to one another. A run that is longer stands alone. */
function* neighbours(edges: PageRanges): Generator<PageRanges, void, undefined> {
  for (let from = 0, to = 0; from < edges.length; from = to) {
    for (to = from + 2; to < edges.length && (edges[to + 1] as number) - (edges[from] as number) <= ASKED_TOGETHER; ) to += 2;
    yield edges.slice(from, to);
  }
}
