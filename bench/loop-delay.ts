import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';

export interface LoopDelay {
  /** Milliseconds between two turns of a 1 ms timer that 99.9 % of the turns kept below. */
  readonly p999: number;
  readonly longest: number;
  readonly turns: number;
  /** Milliseconds that the work took. */
  readonly elapsed: number;
}

/** How late a timer of 1 ms fires while `work` runs. */
export async function loopDelayDuring(work: () => Promise<void>): Promise<LoopDelay> {
  const monitor = monitorEventLoopDelay({ resolution: 1 });
  monitor.enable();
  // The first turn counts from here: what was going on before does not.
  await pause(2);
  monitor.reset();
  const start = performance.now();
  await work();
  const elapsed = performance.now() - start;
  // A delay at the very end is seen only by the turn after it.
  await pause(2);
  monitor.disable();
  return { p999: monitor.percentile(99.9) / 1e6, longest: monitor.max / 1e6, turns: monitor.count, elapsed };
}

/** The same while nothing goes on, for as many milliseconds. */
export function loopDelayIdle(milliseconds: number): Promise<LoopDelay> {
  return loopDelayDuring(() => pause(milliseconds));
}
