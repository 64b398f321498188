import { onAbort } from '../file/cancelling';
import type { MappedFile } from '../file/mapped-file';

/** Bytes of one step: the first of a scan, which waits for nobody, and the others. */
export const FIRST_STEP = 2 ** 19;
export const STEP = 4 * 2 ** 20;

/** Steps of one scan that are under way at once: so that the device never waits for us. */
export const STEPS = 4;

/** Of all scans of a file and of one priority, besides their first ones: 32 MiB, enough for any device, and few enough to be read before they leave again. */
const PLACES = 8;

/** What may have so many steps under way. */
class Flight {
  #under = 0;
  readonly #waiting: (() => void)[] = [];

  /** A place, if there is one and nobody waits for it: then it has to be given back. */
  now(): boolean {
    if (this.#under >= PLACES || this.#waiting.length > 0) return false;
    this.#under++;
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
    else this.#under--;
  }
}

const flights = new WeakMap<MappedFile, { readonly interactive: Flight; readonly scan: Flight }>();

/** What all scans of one priority share that begin with a bitmap of this file: a device that hangs keeps nobody else waiting. */
export function flightOf(file: MappedFile, priority: 'interactive' | 'scan'): Flight {
  let both = flights.get(file);
  if (both === undefined) {
    both = { interactive: new Flight(), scan: new Flight() };
    flights.set(file, both);
  }
  return both[priority];
}

export type { Flight };
