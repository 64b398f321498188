import { getSystemErrorName } from 'node:util';
import { NofaultError } from '../errors';
import { addon, type LockRefusal } from '../native';
import { VectorPageSet } from './page-set';
import type { Pages } from './pages';
import { closedError, readError, windowError } from './read-errors';
import { anyBetween, blocksOf, difference, grown, intersection, NO_RUNS, pagesIn, type Runs, runsOf, Slices, union } from './runs';
import type { Vector } from './vector';
import type { Windows } from './windows';

/** Pages that one entry of an upper page table maps where pages have 4 KiB; cutting a run may unmap so many around the cut (docs/kernel.md). */
const NEIGHBOURS = 512;

/** A lock that is still bringing its pages in. */
interface Coming {
  /** What `unlock` has been called for since. */
  readonly without: Promise<Runs>[];
}

/**
 * The pages of one file that are locked into memory. Each is locked in one window only: the one that it belongs to as the first page of an entry. Pages are
 * brought in at the same time for all calls; locking and unlocking take turns.
 */
export class Locks {
  readonly #pages: Pages;
  readonly #windows: Windows;
  readonly #coming = new Set<Coming>();
  #locked: Runs = NO_RUNS;
  #turn: Promise<unknown> = Promise.resolve();
  #lockedPages = 0;

  constructor(pages: Pages, windows: Windows) {
    this.#pages = pages;
    this.#windows = windows;
  }

  get lockedBytes(): number {
    return this.#lockedPages * this.#pages.pageSize;
  }

  lock(vector: Vector, file: object): Promise<void> {
    const coming: Coming = { without: [] };
    this.#coming.add(coming);
    const work = this.#lock(vector, coming, file).finally(() => this.#coming.delete(coming));
    return this.#untilClosed(work, file);
  }

  unlock(vector: Vector, file: object): Promise<void> {
    const runs = runsOf(vector);
    for (const { without } of this.#coming) without.push(runs);
    const work = this.#inTurn(async () => this.#release(await runs));
    return this.#untilClosed(work, file);
  }

  /**
   * Gives the file this size, when it is its turn. What is locked in windows that have to be mapped anew is locked there again, as far as the file still has
   * it; a page for which that fails is in `stats()`.
   */
  async resize(size: number): Promise<void> {
    const pages = this.#pages;
    if (this.#lockedPages === 0 && this.#coming.size === 0) pages.resize(size);
    else
      await this.#inTurn(async () => {
        const windows = new Set(this.#windows.outgrown(size).map(({ index }) => index));
        const moving = await this.#lockedIn(windows);
        await this.#letGo(moving, 0).catch(() => {});
        this.#assertNotClosed();
        pages.resize(size);
        await this.#take(await before(pages.pageCount, moving)).catch(() => {});
      });
  }

  /** Unlocks everything: another file has taken this one's place. */
  leave(): void {
    this.#inTurn(() => this.#letGo(this.#locked, 0)).catch(() => {});
  }

  /** Unlocks everything on a thread; nothing of what is under way locks anything any more when it resolves. */
  async close(): Promise<void> {
    this.#locked = NO_RUNS;
    this.#lockedPages = 0;
    const { pinned } = this.#windows;
    if (pinned.size > 0) await this.#pages.native.endLocks(Float64Array.from(pinned));
  }

  async #lock(vector: Vector, coming: Coming, file: object): Promise<void> {
    const pages = this.#pages;
    pages.assertOpen();
    const wanted = await runsOf(vector);
    const missing = await difference(wanted, this.#locked);
    const together = await union(wanted, this.#locked);
    // Before anything is read: what the limits do not allow may be the whole of a large file.
    const refusal = await addon().findRoom(pagesIn(missing) * pages.pageSize, Math.max(0, together.length - this.#locked.length));
    this.#assertNotClosed();
    if (refusal !== undefined) throw this.#refused('locking', missing, refusal);
    const set = new VectorPageSet(pages, vector, {}, file);
    try {
      await set.arrived;
    } catch (error) {
      // What has not been read is of no use to anybody now.
      set.fail(error);
      throw error;
    }
    await this.#inTurn(async () => {
      let runs = wanted;
      for (const without of coming.without) runs = await difference(runs, await without);
      await this.#take(runs);
    });
  }

  /** Locks runs whose pages have been in memory a moment ago. */
  async #take(runs: Runs): Promise<void> {
    const { pageCount, pageSize } = this.#pages;
    // It has been refreshed meanwhile.
    if ((runs.at(-1) ?? 0) > pageCount) throw readError(this.#pages.path, 0, pageCount * pageSize, true);
    const fresh = await difference(runs, this.#locked);
    const together = await union(this.#locked, runs);
    let taken = NO_RUNS;
    try {
      await this.#pin(fresh);
      const refusal = await this.#pages.native.lock(fresh, Math.max(0, together.length - this.#locked.length));
      this.#assertNotClosed();
      taken = refusal === undefined ? fresh : await before(refusal.reached, fresh);
      if (refusal !== undefined) throw this.#refused('locking', fresh, refusal);
      await this.#confirm(runs);
    } catch (error) {
      if (!this.#pages.closed) {
        // A neighbour that cannot be had any more is in `stats()`; the reason to give all of it up comes first.
        await this.#letGo(taken, 0).catch(() => {});
        await this.#unpin(fresh);
      }
      throw error;
    }
    this.#note(together);
  }

  async #release(runs: Runs): Promise<void> {
    const going = await intersection(runs, this.#locked);
    const left = await difference(this.#locked, going);
    await this.#letGo(going, Math.max(0, left.length - this.#locked.length));
  }

  /** Unlocks runs that the kernel has locked, for which it cuts as many mappings. */
  async #letGo(runs: Runs, cuts: number): Promise<void> {
    this.#assertNotClosed();
    if (runs.length === 0) return;
    const refusal = await this.#pages.native.unlock(runs, cuts);
    this.#assertNotClosed();
    const gone = refusal === undefined ? runs : await before(refusal.reached, runs);
    const stuck = await difference(runs, gone);
    const left = await difference(this.#locked, gone);
    this.#note(await union(left, stuck));
    await this.#unpin(gone);
    // Last, since a page that has to be read again may keep it waiting.
    await this.#confirm(await intersection(left, grown(gone, NEIGHBOURS)));
    if (refusal !== undefined) throw this.#refused('unlocking', stuck, refusal);
  }

  #note(locked: Runs): void {
    this.#assertNotClosed();
    this.#locked = locked;
    this.#lockedPages = pagesIn(locked);
  }

  /** Sees to it that locked pages are mapped, so that they stay. */
  async #confirm(runs: Runs): Promise<void> {
    this.#assertNotClosed();
    if (runs.length === 0) return;
    const lost = await this.#pages.native.confirm(runs);
    this.#assertNotClosed();
    if (lost === undefined) return;
    const { page, errno, truncated, marked } = lost;
    const error = (marked && this.#pages.markError(page, 1)) || readError(this.#pages.path, errno, page * this.#pages.pageSize, truncated);
    this.#pages.counts.failed(error);
    throw error;
  }

  /** After every step of a call: closing does not wait for it. */
  #assertNotClosed(): void {
    if (this.#pages.closed) throw closedError(this.#pages.path);
  }

  /** The locked pages of these windows. */
  async #lockedIn(windows: ReadonlySet<number>): Promise<Runs> {
    let runs = NO_RUNS;
    for (const index of windows) runs = await union(runs, Float64Array.of(index * this.#stride, (index + 1) * this.#stride));
    return intersection(this.#locked, runs);
  }

  async #pin(runs: Runs): Promise<void> {
    const slices = new Slices();
    for (const index of blocksOf(runs, this.#stride)) {
      this.#assertNotClosed();
      if (!this.#windows.pin(index)) throw windowError(this.#pages.path);
      if (slices.over) await slices.next();
    }
    this.#assertNotClosed();
  }

  /** Lets go of the windows of these runs in which nothing is locked. */
  async #unpin(runs: Runs): Promise<void> {
    const slices = new Slices();
    for (const index of blocksOf(runs, this.#stride)) {
      if (!anyBetween(this.#locked, index * this.#stride, (index + 1) * this.#stride)) this.#windows.unpin(index);
      if (slices.over) await slices.next();
    }
  }

  get #stride(): number {
    return addon().windowStride / this.#pages.pageSize;
  }

  #refused(doing: 'locking' | 'unlocking', runs: Runs, { errno, limit, allowed, locked }: LockRefusal): NofaultError {
    const { path, pageSize } = this.#pages;
    const bytes = pagesIn(runs) * pageSize;
    const what = `${doing} ${bytes} bytes of ${path} in ${runs.length / 2} runs`;
    const now = `this process has ${locked} bytes locked now, ${this.lockedBytes} of them of this file`;
    const reasons = {
      RLIMIT_MEMLOCK: `would exceed RLIMIT_MEMLOCK, which is ${allowed} bytes; ${now}: lock less, or raise the limit (ulimit -l, LimitMEMLOCK= of a service, --ulimit memlock= of a container, or the capability CAP_IPC_LOCK)`,
      'vm.max_map_count': `would come too close to vm.max_map_count, which is ${allowed} mappings (a run takes up to two); ${now}: lock fewer and longer runs, or raise it with sysctl`,
    };
    const message = limit === undefined ? `failed (${getSystemErrorName(-errno)}); ${now}` : reasons[limit];
    return new NofaultError('LIMIT', `${what} ${message}`, { errno, syscall: doing === 'locking' ? 'mlock2' : 'munlock', path });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  /** Rejects when the file closes, whatever keeps the work waiting. Until then the file is held: one that nobody holds is let go. */
  #untilClosed(work: Promise<void>, file: object): Promise<void> {
    return new Promise((resolve, reject) => {
      const dependant = { fail: reject, file };
      if (!this.#pages.closed) this.#pages.depend(dependant);
      work.then(resolve, reject).finally(() => this.#pages.settled(dependant));
    });
  }
}

/** Those of the pages that come before `page`. */
function before(page: number, runs: Runs): Promise<Runs> {
  return page === 0 ? Promise.resolve(NO_RUNS) : intersection(runs, Float64Array.of(0, page));
}
