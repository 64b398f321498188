import { setTimeout } from 'node:timers/promises';

/** Spreads bytes over time, at most so many a second. */
export class Pace {
  readonly #rate: number;
  #next = 0;

  constructor(rate = Number.POSITIVE_INFINITY) {
    this.#rate = rate;
  }

  get limited(): boolean {
    return this.#rate !== Number.POSITIVE_INFINITY;
  }

  /** The most bytes to ask for at once: an eighth of a second's. */
  most(bytes: number): number {
    return Math.min(bytes, this.#rate / 8);
  }

  /** Resolves when it is these bytes' turn; rejects with the signal's reason. */
  async turn(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.limited) return;
    const now = performance.now();
    const at = Math.max(now, this.#next);
    this.#next = at + (bytes / this.#rate) * 1000;
    if (at > now) await setTimeout(at - now, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
  }
}

/** Lets so many at once in. */
export class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  async take(): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }

  /** Nobody waits any more. */
  open(): void {
    this.#free = Number.POSITIVE_INFINITY;
    for (const next of this.#waiting.splice(0)) next();
  }
}
