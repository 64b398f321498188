/** How long a cell shows that pages came or left, in ms. */
export const FLASH_MS = 1600;

/** Which cells of one map gained or lost pages a moment ago. */
export class Flashes {
  #from = new Float64Array(0);
  #gained = new Uint8Array(0);
  #latest = Number.NEGATIVE_INFINITY;

  /** Notes what is different. Maps of other lengths have nothing to compare, and begin anew. */
  note(before: Uint8Array | undefined, now: Uint8Array, time: number): void {
    if (this.#from.length !== now.length) this.clear(now.length);
    if (before?.length !== now.length) return;
    for (let cell = 0; cell < now.length; cell++) {
      if (before[cell] === now[cell]) continue;
      this.#from[cell] = time;
      this.#gained[cell] = (now[cell] as number) > (before[cell] as number) ? 1 : 0;
      this.#latest = time;
    }
  }

  clear(length = this.#from.length): void {
    this.#from = new Float64Array(length).fill(Number.NEGATIVE_INFINITY);
    this.#gained = new Uint8Array(length);
    this.#latest = Number.NEGATIVE_INFINITY;
  }

  /** Whether any cell flashes at this time. */
  active(time: number): boolean {
    return time - this.#latest < FLASH_MS;
  }

  /** How strongly a cell flashes, from 0 to 1. */
  strength(cell: number, time: number): number {
    const age = time - (this.#from[cell] ?? Number.NEGATIVE_INFINITY);
    if (age >= FLASH_MS) return 0;
    // Strong for the first third, so that it is seen, then fading.
    return Math.min(1, (1 - age / FLASH_MS) * 1.5);
  }

  gained(cell: number): boolean {
    return this.#gained[cell] === 1;
  }
}
