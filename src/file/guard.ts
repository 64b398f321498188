import { isMainThread } from 'node:worker_threads';
import { addon } from '../native';

const SIGNALS: readonly unknown[] = ['SIGBUS', 'SIGSEGV'];

let listening = false;

/**
 * Keeps the addon's handlers of SIGBUS and SIGSEGV in place: `process.on` takes them away, and a bad touch of a view would then repeat for ever. What the
 * listeners were meant for still reaches them.
 */
export function keepGuard(): void {
  if (listening) return;
  listening = true;
  if (!isMainThread) {
    addon().patrol();
    return;
  }
  const again = (event: unknown): void => {
    // Node's own listener, which changes the handler, was there before this one.
    if (SIGNALS.includes(event)) addon().guard();
  };
  process.on('newListener', again);
  process.on('removeListener', again);
}
