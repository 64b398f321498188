import { setMaxListeners } from 'node:events';
import { NofaultError } from '../errors';
import { onAbort } from '../file/cancelling';
import type { Progress } from './contract';
import { refusalOf } from './failures';
import { fileName, type Name } from './names';
import { Places } from './pace';
import { FileProgress, type ProgressSums } from './progress';

/** Files that are worked on at once: each small one takes several turns of the loop and of a thread. */
const FILES_AT_ONCE = 16;
/** How often a file that takes long is heard of, in ms. */
const INTERVAL = 200;

/** One file to work on, or one that failed before. */
export interface Task {
  readonly name: Name;
  readonly error?: NofaultError;
}

/** Works on one file. What it throws, unless the signal has aborted, is the file's error. */
export type Work<T extends Task> = (task: T, progress: FileProgress, signal: AbortSignal) => Promise<void>;

/**
 * Works on files, several at once, and yields how far each has come. Holds as many files as are worked on, however slowly what it yields is taken. Rejects with the
 * signal's reason without waiting for what is under way, which may hang.
 */
export async function* fileByFile<T extends Task>(
  tasks: AsyncIterable<T>,
  work: Work<T>,
  sums: ProgressSums,
  signal: AbortSignal | undefined,
): AsyncGenerator<Progress, void, undefined> {
  signal?.throwIfAborted();
  const ending = new AbortController();
  // Each file that waits for its turn listens; Node would warn of a leak.
  setMaxListeners(0, ending.signal);
  const places = new Places(FILES_AT_ONCE);
  const events: { progress: FileProgress; finished: boolean }[] = [];
  const running = new Set<FileProgress>();
  let wake = (): void => {};
  let exhausted = false;
  let failure: { readonly error: unknown } | undefined;
  const uncancel = signal && onAbort(signal, () => fail(signal.reason));

  const fail = (error: unknown): void => {
    failure ??= { error };
    ending.abort(error);
    wake();
  };
  const one = async (task: T): Promise<void> => {
    const progress = new FileProgress(fileName(task.name), sums);
    running.add(progress);
    try {
      if (task.error) progress.failed(task.error);
      else await work(task, progress, ending.signal);
    } catch (error) {
      if (ending.signal.aborted) return;
      progress.failed(error instanceof NofaultError ? error : refusalOf(progress.path, error, 'work on'));
    }
    running.delete(progress);
    events.push({ progress, finished: true });
    wake();
  };
  const all = async (): Promise<void> => {
    for await (const task of tasks) {
      await places.take();
      if (ending.signal.aborted) return;
      void one(task);
    }
    exhausted = true;
    wake();
  };
  const timer = setInterval(() => {
    // Whoever takes slowly what is yielded need not take what is old.
    if (events.length > 0) return;
    for (const progress of running) events.push({ progress, finished: false });
    wake();
  }, INTERVAL);
  all().catch(fail);

  try {
    for (;;) {
      if (failure) throw failure.error;
      const event = events.shift();
      if (event === undefined) {
        if (exhausted && running.size === 0) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const { progress, finished } = event;
      // One that has finished meanwhile tells so itself.
      if (!finished && !running.has(progress)) continue;
      if (finished) places.leave();
      yield progress.told(finished);
    }
  } finally {
    clearInterval(timer);
    uncancel?.();
    ending.abort(new NofaultError('CLOSED', 'the iteration was left'));
    // So that the walk, which may wait for a place, ends and closes its folders.
    places.open();
  }
}
