import type { MappedFile, Run } from 'nofault';
import { baseline } from './baseline';

const MIB = 2 ** 20;
const RUN_PAGES = (4 * MIB) / baseline.pageSize;
const VECTORS_IN_FLIGHT = 8;

/** Reads pages 0 to `end` from start to end, in vectors of one run each, several in flight: once, or over and over until it is stopped. */
export class Scan {
  bytes = 0;
  ended = false;
  private next = 0;
  private readonly started = performance.now();
  private readonly cancelling = new AbortController();
  private readonly workers: Promise<unknown>;

  constructor(
    private readonly mapped: MappedFile,
    private readonly end: number,
    private readonly times: 'once' | 'endlessly' = 'once',
  ) {
    this.workers = Promise.all(Array.from({ length: VECTORS_IN_FLIGHT }, () => this.work()));
    this.workers.catch(() => {});
  }

  seconds(): number {
    return (performance.now() - this.started) / 1000;
  }

  async lead(milliseconds: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  private async work(): Promise<void> {
    const { signal } = this.cancelling;
    while (this.next < this.end) {
      const run: Run = { first: this.next, count: Math.min(RUN_PAGES, this.end - this.next) };
      this.next += run.count;
      if (this.next === this.end && this.times === 'endlessly') this.next = 0;
      await this.mapped.getPages([run], { priority: 'scan', signal }).arrived;
      this.bytes += run.count * baseline.pageSize;
    }
    this.ended = true;
  }

  async stop(): Promise<void> {
    this.cancelling.abort();
    await this.workers.catch((error: unknown) => {
      if (error !== this.cancelling.signal.reason) throw error;
    });
  }
}
