import { addon } from '../native';
import type { Vector } from './vector';

/**
 * A set of pages: sorted runs that neither overlap nor touch, as their edges, which are the first page of each and the page behind its last in turn.
 * Never changed once made.
 */
export type Runs = Float64Array;

export const NO_RUNS: Runs = new Float64Array(0);

/** How long one slice of the work on many runs may hold the event loop, in ms, and steps between looks at the clock. */
const SLICE = 0.5;
const STEPS = 2048;

/** The pages of a vector. Sorted on a thread. */
export function runsOf({ first, count, length }: Vector): Promise<Runs> {
  return length === 0 ? Promise.resolve(NO_RUNS) : addon().join(first, count);
}

/** Pages of `a` and of `b`. */
export function union(a: Runs, b: Runs): Promise<Runs> {
  return combine(a, b, (inA, inB) => inA || inB);
}

/** Pages of `a` that are not in `b`. */
export function difference(a: Runs, b: Runs): Promise<Runs> {
  return combine(a, b, (inA, inB) => inA && !inB);
}

/** Pages of both. */
export function intersection(a: Runs, b: Runs): Promise<Runs> {
  return combine(a, b, (inA, inB) => inA && inB);
}

export function pagesIn(runs: Runs): number {
  let pages = 0;
  for (let i = 0; i < runs.length; i += 2) pages += (runs[i + 1] as number) - (runs[i] as number);
  return pages;
}

/** Each run grown to whole blocks of `block` pages, those behind the last page of the file included. */
export function grown(runs: Runs, block: number): Runs {
  const result = new Float64Array(runs.length);
  let length = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const first = Math.floor((runs[i] as number) / block) * block;
    const end = Math.ceil((runs[i + 1] as number) / block) * block;
    if (length > 0 && first <= (result[length - 1] as number)) result[length - 1] = end;
    else {
      result[length++] = first;
      result[length++] = end;
    }
  }
  return result.subarray(0, length);
}

/** The blocks of `block` pages in which runs lie, ascending, each once. */
export function* blocksOf(runs: Runs, block: number): Generator<number, void, undefined> {
  let next = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const end = Math.ceil((runs[i + 1] as number) / block);
    for (next = Math.max(next, Math.floor((runs[i] as number) / block)); next < end; next++) yield next;
  }
}

/** Whether any page from `from` up to `to` is in the set. */
export function anyBetween(runs: Runs, from: number, to: number): boolean {
  let [low, high] = [0, runs.length / 2];
  // The first run that ends behind `from`.
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((runs[2 * middle + 1] as number) > from) high = middle;
    else low = middle + 1;
  }
  return 2 * low < runs.length && (runs[2 * low] as number) < to;
}

/** Lets the event loop turn when a slice is over. */
export class Slices {
  #start = performance.now();

  get over(): boolean {
    return performance.now() - this.#start > SLICE;
  }

  async next(): Promise<void> {
    await new Promise(setImmediate);
    this.#start = performance.now();
  }
}

/** Sweeps over the edges of both sets; the result has an edge wherever `keep` changes. */
async function combine(a: Runs, b: Runs, keep: (inA: boolean, inB: boolean) => boolean): Promise<Runs> {
  const result = new Float64Array(a.length + b.length);
  const slices = new Slices();
  let length = 0;
  let [i, j] = [0, 0];
  for (let steps = 1; i < a.length || j < b.length; steps++) {
    const at = Math.min(a[i] ?? Number.POSITIVE_INFINITY, b[j] ?? Number.POSITIVE_INFINITY);
    if (a[i] === at) i++;
    if (b[j] === at) j++;
    // An odd number of edges passed: within a run.
    if (keep(i % 2 === 1, j % 2 === 1) !== (length % 2 === 1)) result[length++] = at;
    if (steps % STEPS === 0 && slices.over) await slices.next();
  }
  return result.subarray(0, length);
}
