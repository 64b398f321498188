import type { NofaultError } from '../errors';
import type { FileStats } from './contract';
import { publishError, publishMiss } from './diagnostics';

/** What happened to a file, and who wants to know. Goes on when the file is replaced by another. */
export class Counts {
  boardHits = 0;
  kernelHits = 0;
  misses = 0;
  inFlight = 0;
  errors = 0;
  lastError: NofaultError | undefined;
  readonly #path: string;
  /** joined, bytesFetched, verdictsDropped and blockedTouches of files that this one has replaced. */
  readonly #before = [0, 0, 0, 0] as [number, number, number, number];

  constructor(path: string) {
    this.#path = path;
  }

  /** `misses` entries of `length` were missing. */
  missed(misses: number, length: number): void {
    this.misses += misses;
    if (misses > 0) publishMiss({ path: this.#path, misses, length });
  }

  failed(error: NofaultError): void {
    this.errors++;
    this.lastError = error;
    publishError({ path: this.#path, error });
  }

  /** The file is replaced by another: what the addon counted until now is kept. */
  carry(counters: Float64Array, blockedTouches: number): void {
    const [joined = 0, bytesFetched = 0, dropped = 0] = counters;
    this.kernelHits += counters[8] ?? 0;
    this.misses += counters[9] ?? 0;
    const before = this.#before;
    before[0] += joined;
    before[1] += bytesFetched;
    before[2] += dropped;
    before[3] += blockedTouches;
  }

  /** All counts, with those that the addon keeps (`NativeFile.counters`). */
  with(counters: Float64Array, blockedTouches: number, windows: number, lockedBytes: number): FileStats {
    const [joined = 0, bytesFetched = 0, dropped = 0, queueDepth = 0, p50 = 0, p90 = 0, p99 = 0, max = 0] = counters;
    const [hits = 0, missed = 0, awaited = 0] = counters.subarray(8);
    const { boardHits, errors, lastError } = this;
    const kernelHits = this.kernelHits + hits;
    const misses = this.misses + missed;
    const inFlight = this.inFlight + awaited;
    const before = this.#before;
    return {
      hits: boardHits + kernelHits,
      boardHits,
      kernelHits,
      misses,
      joined: before[0] + joined,
      bytesFetched: before[1] + bytesFetched,
      inFlight,
      queueDepth,
      fetchLatency: { p50, p90, p99, max },
      errors,
      lastError,
      verdictsDropped: before[2] + dropped,
      blockedTouches: before[3] + blockedTouches,
      windows,
      lockedBytes,
    };
  }
}
