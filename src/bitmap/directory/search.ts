import type { Block } from './block';

/**
 * Work that needs blocks of directories: it yields where the blocks lie that it needs next, and is given them in that order. Yielding none is a pause, for
 * the work may be long. So the same search runs at once where everything is here, and waits where it is not.
 */
export type Search<T> = Generator<readonly number[], T, readonly Block[]>;

/** Searches that go side by side; more wait for one of them to end. */
const MOST_SIDE_BY_SIDE = 512;

export const PAUSE: readonly number[] = [];

/** Runs searches side by side, so that a level of all of them is one vector; what several need is asked for once. */
export function* together<T>(searches: readonly Search<T>[]): Search<T[]> {
  const results: T[] = [];
  for (let from = 0; from < searches.length; from += MOST_SIDE_BY_SIDE) {
    for (const result of yield* sideBySide(searches.slice(from, from + MOST_SIDE_BY_SIDE))) results.push(result);
  }
  return results;
}

function* sideBySide<T>(searches: readonly Search<T>[]): Search<T[]> {
  if (searches.length === 1) return [yield* searches[0] as Search<T>];
  const steps = searches.map((search) => search.next([]));
  for (;;) {
    const needed = new Map<number, number>();
    for (const step of steps) {
      if (step.done) continue;
      for (const offset of step.value) if (!needed.has(offset)) needed.set(offset, needed.size);
    }
    if (steps.every((step) => step.done)) return steps.map((step) => step.value as T);
    const blocks = yield [...needed.keys()];
    for (const [i, step] of steps.entries()) {
      if (step.done) continue;
      steps[i] = (searches[i] as Search<T>).next(step.value.map((offset) => blocks[needed.get(offset) as number] as Block));
    }
  }
}
