import type { NofaultError } from '../errors';
import type { FileName, Progress, ProgressTotals } from './contract';

/** Sums that grow, of all files together. */
export class ProgressSums implements ProgressTotals {
  files = 0;
  failed = 0;
  bytes = 0;
  skippedBytes = 0;
  keptBytes = 0;
  unknownBytes = 0;
  toDo: number | undefined = undefined;
  leftOutBytes = 0;
}

/** How far one file has come. What is added to it is added to the sums. */
export class FileProgress {
  readonly path: FileName;
  readonly #sums: ProgressSums;
  #bytes = 0;
  #skippedBytes = 0;
  #keptBytes = 0;
  #unknownBytes = 0;
  error: NofaultError | undefined;

  constructor(path: FileName, sums: ProgressSums) {
    this.path = path;
    this.#sums = sums;
  }

  /** Brought in, or left. */
  get bytes(): number {
    return this.#bytes;
  }

  done(bytes: number): void {
    this.#bytes += bytes;
    this.#sums.bytes += bytes;
  }

  skipped(bytes: number): void {
    this.#skippedBytes += bytes;
    this.#sums.skippedBytes += bytes;
  }

  kept(bytes: number): void {
    this.#keptBytes += bytes;
    this.#sums.keptBytes += bytes;
  }

  unknown(bytes: number): void {
    this.#unknownBytes += bytes;
    this.#sums.unknownBytes += bytes;
  }

  /** The first one is told; of those with a place, which are found in any order, the one that lies first. */
  failed(error: NofaultError): void {
    if (this.error === undefined || (error.offset ?? Infinity) < (this.error.offset ?? 0)) this.error = error;
  }

  /** As of now. */
  told(finished: boolean): Progress {
    if (finished && this.error === undefined) this.#sums.files += 1;
    if (finished && this.error !== undefined) this.#sums.failed += 1;
    return {
      path: this.path,
      finished,
      ...(this.error && { error: this.error }),
      bytes: this.#bytes,
      skippedBytes: this.#skippedBytes,
      keptBytes: this.#keptBytes,
      unknownBytes: this.#unknownBytes,
      totals: { ...this.#sums },
    };
  }
}
