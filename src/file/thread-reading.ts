import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { NofaultError } from '../errors';
import type { NativeFile } from '../native';
import { FAILURE, type NativeFailure } from '../native/bitmap';
import { publishMiss } from './diagnostics';
import type { Pages } from './pages';
import { readError, windowError } from './read-errors';

/** How long one turn of the event loop makes windows, in ms. */
const MAKING = 0.5;

/** How often a window is tried for in vain, a millisecond apart, before that is an error. */
const PATIENCE = 1000;

/**
 * A file as native code reads it on threads of its own: there it looks for what it needs, has the rest fetched and waits, while the event loop makes windows
 * only. For the addon's own rooms.
 */
export class ThreadReading {
  readonly #pages: Pages;

  /** `file` is held as long as this is: a file that nobody holds is let go. */
  constructor(
    pages: Pages,
    readonly file: object,
  ) {
    this.#pages = pages;
  }

  get native(): NativeFile {
    return this.#pages.native;
  }

  /** Makes the windows of entries that start at these pages, in short slices. Rejects with `LIMIT` when one cannot be had, and with `CLOSED`. */
  async makeWindows(starts: readonly number[]): Promise<void> {
    let patience = PATIENCE;
    let stop = performance.now() + MAKING;
    for (let i = 0; i < starts.length; ) {
      this.#pages.assertOpen();
      const { path, pageCount, size } = this.#pages;
      const start = starts[i] as number;
      // It may have been found shorter since.
      if (start >= pageCount) throw this.#failed(readError(path, 0, size, true));
      const made = this.#pages.hasWindow(start);
      if (made) i++;
      else if (--patience < 0) throw this.#failed(windowError(path));
      if (made && performance.now() < stop) continue;
      await (made ? new Promise(setImmediate) : pause(1));
      stop = performance.now() + MAKING;
    }
  }

  /** So many of the ranges that threads asked about were missing: `stats` counts them already. */
  missed(misses: number, length: number): void {
    if (misses > 0) publishMiss({ path: this.#pages.path, misses, length });
  }

  /** The error of what a thread has met; undefined where it is not the file's. */
  error({ kind, offset, errno, truncated, pages }: NativeFailure): NofaultError | undefined {
    const { path, pageSize } = this.#pages;
    switch (kind) {
      case FAILURE.read:
        return this.#failed(readError(path, errno, offset, truncated));
      case FAILURE.ends:
        return this.#failed(readError(path, 0, offset, true));
      case FAILURE.marked:
        return this.#failed(this.#pages.markError(offset / pageSize, pages) ?? readError(path, constants.errno.EIO, offset, false));
      default:
        return undefined;
    }
  }

  #failed(error: NofaultError): NofaultError {
    if (!this.#pages.closed) this.#pages.counts.failed(error);
    return error;
  }
}
