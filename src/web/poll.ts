import type { Paths, Round } from '../inspect/contract';
import type { Inspector } from './inspector';

/** Who is told of each look, and that looking has failed. */
export interface PollWatcher {
  look(): void;
  fail(error: unknown): void;
}

/** Who keeps what was found, and is told before those who watch. */
export interface PollKeeper {
  take(round: Round): void;
  fail(error: unknown): void;
}

/** One series of looks for all who watch. It begins with the first watcher and ends with the last: while nobody watches, nothing is asked. */
export class Poll {
  readonly #watchers = new Set<PollWatcher>();
  readonly #paths: Paths;
  readonly #inspector: Inspector;
  readonly #options: { readonly interval: number };
  readonly #keeper: PollKeeper;
  #ending: AbortController | undefined;

  constructor(paths: Paths, inspector: Inspector, options: { readonly interval: number }, keeper: PollKeeper) {
    this.#paths = paths;
    this.#inspector = inspector;
    this.#options = options;
    this.#keeper = keeper;
  }

  /** Whether looks are being taken. */
  get running(): boolean {
    return this.#ending !== undefined;
  }

  add(watcher: PollWatcher): void {
    this.#watchers.add(watcher);
    if (this.#ending === undefined) void this.#run();
  }

  delete(watcher: PollWatcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) this.#end();
  }

  #end(): void {
    this.#ending?.abort();
    this.#ending = undefined;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const ending = new AbortController();
    this.#ending = ending;
    try {
      for await (const round of this.#inspector.follow(this.#paths, { ...this.#options, signal: ending.signal })) {
        // A look that was on its way when the last watcher left, and perhaps another run has begun.
        if (ending.signal.aborted) return;
        this.#keeper.take(round);
        for (const watcher of [...this.#watchers]) watcher.look();
      }
    } catch (error) {
      if (ending.signal.aborted) return;
      this.#end();
      this.#keeper.fail(error);
      for (const watcher of [...this.#watchers]) watcher.fail(error);
    }
  }
}
