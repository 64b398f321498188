import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { baseline } from './baseline';

interface Wait {
  readonly start: number;
  readonly end: number;
  readonly majorFaults: number;
  readonly switches: number;
}

/**
 * Counts how often this thread waited inside synchronous stretches. A wait for the device is a major fault, or, where another thread had already asked
 * for the page, a voluntary context switch without one: so both count. V8's thread also waits for the helpers of its garbage collector; stretches in
 * which a collection fell are told apart.
 */
export class ThreadWaits {
  private readonly waits: Wait[] = [];
  private readonly collections: { readonly start: number; readonly end: number }[] = [];
  private readonly observer: PerformanceObserver;
  private readonly before = new Float64Array(2);
  private readonly after = new Float64Array(2);

  constructor() {
    this.observer = new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries()) this.collections.push({ start: startTime, end: startTime + duration });
    });
    this.observer.observe({ entryTypes: ['gc'] });
  }

  /** Runs `stretch`, which must not be asynchronous. */
  during<T>(stretch: () => T): T {
    const start = performance.now();
    baseline.threadWaits(this.before);
    const result = stretch();
    baseline.threadWaits(this.after);
    const majorFaults = (this.after[0] as number) - (this.before[0] as number);
    const switches = (this.after[1] as number) - (this.before[1] as number);
    if (majorFaults + switches > 0) this.waits.push({ start, end: performance.now(), majorFaults, switches });
    return result;
  }

  /** Ends the counting. */
  async end(): Promise<{ waits: number; majorFaults: number; besideCollections: number }> {
    // Collections are told of in a later turn than they happen in.
    await pause(50);
    this.observer.disconnect();
    let waits = 0;
    let majorFaults = 0;
    let besideCollections = 0;
    for (const wait of this.waits) {
      const collected = this.collections.some(({ start, end }) => start < wait.end && end > wait.start);
      majorFaults += wait.majorFaults;
      waits += wait.majorFaults + (collected ? 0 : wait.switches);
      besideCollections += collected ? wait.switches : 0;
    }
    return { waits, majorFaults, besideCollections };
  }
}
