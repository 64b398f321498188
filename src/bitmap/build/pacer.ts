import { setImmediate as nextTurn } from 'node:timers/promises';

/** Milliseconds that work on an event loop may take before it lets others have a turn. */
const SLICE = 2;

/** Cuts long work into slices. Ends it when the signal has aborted. */
export class Pacer {
  #start = performance.now();

  #abandon: (reason: unknown) => void = () => {};

  constructor(readonly signal: AbortSignal) {
    signal.addEventListener('abort', () => this.#abandon(signal.reason), { once: true });
  }

  /** Whether the slice is used up. */
  get due(): boolean {
    return performance.now() - this.#start > SLICE;
  }

  /** Waits for the next turn of the loop. Rejects with the signal's reason when it has aborted. */
  async pause(): Promise<void> {
    await nextTurn();
    this.signal.throwIfAborted();
    this.#start = performance.now();
  }

  /** What a promise resolves to, unless the signal aborts before. One at a time. */
  orAborted<Value>(promise: PromiseLike<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#abandon = reject;
      if (this.signal.aborted) reject(this.signal.reason);
      promise.then(resolve, reject);
    });
  }
}
