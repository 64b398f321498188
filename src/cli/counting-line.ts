import type { Totals } from '../inspect/contract';
import { formatBytes } from './format-bytes';
import type { Output } from './output';
import { files } from './work-on-files';

/** How often it changes, in ms. */
const INTERVAL = 100;

/** One line on stderr that says how many files have been looked at, where a person looks at it. How much there is to look at nobody knows before. */
export class CountingLine {
  readonly #output: Output;
  readonly #start = performance.now();
  #last = this.#start;
  #shown = false;

  constructor(output: Output) {
    this.#output = output;
  }

  /** What is over soon shows nothing. */
  update({ files: count, failed, residentBytes }: Totals): void {
    const now = performance.now();
    if (!this.#output.narration.interactive || now - this.#last < INTERVAL) return;
    this.#last = now;
    this.#shown = true;
    const rate = Math.round((count + failed) / ((now - this.#start) / 1000));
    this.#output.replaceLine(`${files(count + failed)} looked at, ${rate} a second; ${formatBytes(residentBytes)} in memory`);
  }

  /** Takes the line away, so that something else can be written. */
  end(): void {
    if (this.#shown) this.#output.replaceLine('');
    this.#shown = false;
  }
}
