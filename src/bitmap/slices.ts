/** How long all scans of an environment together hold the event loop in one go, in ms. */
const SLICE = 0.3;

const waiting: (() => void)[] = [];
let began = -Infinity;
let turning = false;

/**
 * Undefined when some more work may be done on the event loop now, as long as the present slice lasts, which all scans share: many of them at once hold the
 * loop no longer than one does. Else what resolves when it may: one after the other, a slice in each turn of the loop.
 *
 * The work has to follow at once: whoever awaits what is undefined lets others ask before it has begun, and all of them are told to go ahead.
 */
export function loopsTurn(): Promise<void> | undefined {
  if (!turning) {
    turning = true;
    began = performance.now();
    setImmediate(turn);
    return undefined;
  }
  if (waiting.length === 0 && performance.now() - began < SLICE) return undefined;
  return new Promise((resolve) => waiting.push(resolve));
}

function turn(): void {
  began = performance.now();
  turning = false;
  if (waiting.length === 0) return;
  turning = true;
  next();
  setImmediate(turn);
}

function next(): void {
  if (waiting.length === 0 || performance.now() - began >= SLICE) return;
  waiting.shift()?.();
  // What that begins runs in microtasks; a tick that one of them asks for comes after all of them.
  queueMicrotask(() => process.nextTick(next));
}
