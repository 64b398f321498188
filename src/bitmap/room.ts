import { onAbort } from '../file/cancelling';

/** Room for so many at once; the others wait, in the order in which they came. */
export class Room {
  readonly #places: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#places = places;
  }

  /** A place, if there is one and nobody waits for it: then it has to be given back. */
  now(): boolean {
    if (this.#taken >= this.#places || this.#waiting.length > 0) return false;
    this.#taken++;
    return true;
  }

  /** A place as soon as there is one. Rejects with the signal's reason. */
  later(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const taken = (): void => {
        uncancel();
        resolve();
      };
      const uncancel = onAbort(signal, () => {
        const at = this.#waiting.indexOf(taken);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(signal.reason);
      });
      this.#waiting.push(taken);
    });
  }

  giveBack(): void {
    const next = this.#waiting.shift();
    // Whoever waits takes the place over.
    if (next) next();
    else this.#taken--;
  }
}
