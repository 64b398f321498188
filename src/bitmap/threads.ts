import { availableParallelism } from 'node:os';

/** Steps that are combined on threads at once, of all scans of this environment: more than processors would only take turns. */
const MOST = Math.max(1, availableParallelism());

let busy = 0;
const waiting: (() => void)[] = [];

/** Runs what works on a thread as soon as there is room. */
export async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (busy >= MOST) await new Promise<void>((resolve) => waiting.push(resolve));
  else busy++;
  try {
    return await work();
  } finally {
    // Whoever waits takes the place over.
    const next = waiting.shift();
    if (next) next();
    else busy--;
  }
}
