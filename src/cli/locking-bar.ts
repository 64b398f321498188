import type { MappedFile } from '../file/mapped-file';
import type { Output } from './output';
import { ProgressBar } from './progress-bar';

/** How often it changes, in ms. */
const INTERVAL = 100;

/** What is held; nothing else keeps the files from the garbage collector. */
export interface Held {
  readonly files: MappedFile[];
  failed: number;
  bytes: number;
}

/** Shows how much is held, what is being brought in included, where a person looks at it. */
export class LockingBar {
  file: MappedFile | undefined;
  readonly #bar: ProgressBar;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(held: Held, output: Output, toDo: number | undefined) {
    this.#bar = new ProgressBar(output);
    if (toDo === undefined) return;
    this.#timer = setInterval(() => {
      const bytes = held.bytes + (this.file?.stats().bytesFetched ?? 0);
      this.#bar.update({ totals: { files: held.files.length, failed: held.failed, bytes, toDo } });
    }, INTERVAL).unref();
  }

  /** Takes it away until another file is brought in. */
  end(): void {
    this.file = undefined;
    this.#bar.stop();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.end();
  }
}
