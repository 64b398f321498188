import { NofaultError } from '../errors';
import { onAbort } from '../file/cancelling';
import type { GetOptions } from '../file/contract';
import type { Evaluation } from './evaluation';

/** What runs on a file, and must have ended before that may be closed: threads read its windows. */
export class Running {
  readonly #path: string;
  readonly #controller = new AbortController();
  readonly #evaluations = new Set<Evaluation>();
  readonly #work = new Set<Promise<unknown>>();

  constructor(path: string) {
    this.#path = path;
  }

  /** Throws `CLOSED` once `close` has been called. */
  assertOpen(): void {
    if (this.#controller.signal.aborted) throw this.#controller.signal.reason;
  }

  /** The evaluation ends with this; the function that is returned says that it has ended by itself. */
  add(evaluation: Evaluation): () => void {
    this.assertOpen();
    this.#evaluations.add(evaluation);
    return () => this.#evaluations.delete(evaluation);
  }

  /** Does something that reads with options whose signal aborts with the caller's, and when this is closed. */
  async linked<T>({ signal, priority }: GetOptions, work: (options: GetOptions) => Promise<T>): Promise<T> {
    this.assertOpen();
    signal?.throwIfAborted();
    const controller = new AbortController();
    const uncancel = [signal, this.#controller.signal].map((each) => each && onAbort(each, () => controller.abort(each.reason)));
    const running = work({ signal: controller.signal, ...(priority && { priority }) });
    this.#work.add(running);
    try {
      return await running;
    } finally {
      this.#work.delete(running);
      for (const undo of uncancel) undo?.();
    }
  }

  /** Cancels everything with `CLOSED`; resolves when nothing runs any more. */
  async close(): Promise<void> {
    const reason = new NofaultError('CLOSED', `${this.#path} has been closed`, { path: this.#path });
    this.#controller.abort(reason);
    await Promise.all([...this.#evaluations].map((evaluation) => evaluation.abort(reason)));
    await Promise.allSettled(this.#work);
  }
}
