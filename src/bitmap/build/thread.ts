import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { NofaultError } from '../../errors';
import { packageRoot } from '../../native';
import type { BuildProgress, IndexSummary } from './contract';
import type { ByteSource } from './make-source';
import { type Assignment, type Order, type Report, receiveError } from './messages';
import { discardPartial, type Place } from './output';
import type { Task } from './run';

/** Milliseconds that a build which was aborted has for tidying up, before its thread is ended: it may wait for a device, or for the other end of a FIFO. */
const GRACE = 3000;

/** Does a build on a thread of its own. Rejects with the signal's reason once its files are gone. */
export async function buildOnThread(
  source: ByteSource,
  stream: AsyncIterable<Uint8Array> | undefined,
  place: Place,
  task: Task,
  signal: AbortSignal,
  onProgress: ((progress: BuildProgress) => void) | undefined,
): Promise<IndexSummary> {
  const { name, path, folder, partial } = place;
  const assignment: Assignment = { source, place: { name, path, folder, partial }, task, progress: onProgress !== undefined };
  // The compiled one: what runs from src/ does so under a test runner that workers know nothing of.
  const worker = new Worker(join(packageRoot(), 'dist', 'bitmap', 'build', 'worker.js'), { workerData: assignment });
  const order = (what: Order): void => worker.postMessage(what);
  const pieces = stream?.[Symbol.asyncIterator]();
  let streamFailure: { readonly error: unknown } | undefined;
  let timer: NodeJS.Timeout | undefined;
  const abort = (): void => {
    order({ kind: 'abort' });
    timer ??= setTimeout(() => void worker.terminate(), GRACE);
  };
  const sendPiece = async (): Promise<void> => {
    try {
      const next = await pieces?.next();
      if (next === undefined || next.done) return order({ kind: 'end' });
      if (!(next.value instanceof Uint8Array)) {
        throw new NofaultError('INVALID_ARGUMENT', `the stream gave ${typeof next.value}s, and bytes (Uint8Array) were expected`);
      }
      // A copy of its own: the stream may use its memory again.
      const bytes = Uint8Array.from(next.value);
      worker.postMessage({ kind: 'piece', bytes } satisfies Order, [bytes.buffer]);
    } catch (error) {
      streamFailure ??= { error };
      abort();
    }
  };
  signal.addEventListener('abort', abort);
  try {
    if (signal.aborted) abort();
    const report = await new Promise<Report | undefined>((resolve, reject) => {
      worker.on('message', (message: Report) => {
        if (message.kind === 'more') void sendPiece();
        else if (message.kind === 'progress') onProgress?.(message.progress);
        else resolve(message);
      });
      worker.on('error', reject);
      worker.on('exit', () => resolve(undefined));
    });
    if (report?.kind === 'done') return report.summary;
    if (streamFailure !== undefined) throw streamFailure.error;
    signal.throwIfAborted();
    if (report?.kind === 'failed') throw receiveError(report.error);
    throw new NofaultError('IO', 'the thread of the build has ended without a word');
  } catch (error) {
    await discardPartial(place);
    if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') throw error;
    throw new NofaultError('LIMIT', `${source.name} has rows, or row groups, that are too large for the memory of its thread`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    // An end that nobody waits for: the stream may hang.
    pieces?.return?.()?.then(undefined, () => {});
  }
}
