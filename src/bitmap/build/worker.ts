import { parentPort, workerData } from 'node:worker_threads';
import { openByteSource } from './make-source';
import { type Assignment, type Order, type Report, sendError } from './messages';
import type { Place } from './output';
import { Pacer } from './pacer';
import { runBuild } from './run';

/*
 * The thread of a build whose source consists of bytes: reading, unpacking and parsing are work that no event loop should have to do between its requests.
 */

const { source, place, task, progress } = workerData as Assignment;
const abort = new AbortController();
const pacer = new Pacer(abort.signal);
const arrived: (Uint8Array | undefined)[] = [];
let wake: () => void = () => {};

parentPort?.on('message', (order: Order) => {
  if (order.kind === 'abort') abort.abort();
  else arrived.push(order.kind === 'piece' ? order.bytes : undefined);
  wake();
});

function tell(report: Report): void {
  parentPort?.postMessage(report);
}

/** The bytes of the caller's stream, each piece when it is asked for. */
async function* stream(): AsyncGenerator<Uint8Array> {
  for (;;) {
    tell({ kind: 'more' });
    while (arrived.length === 0) {
      abort.signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const piece = arrived.shift();
    if (piece === undefined) return;
    yield piece;
  }
}

async function main(): Promise<void> {
  try {
    const where: Place = {
      name: place.name as string,
      path: Buffer.from(place.path as Uint8Array),
      folder: Buffer.from(place.folder as Uint8Array),
      partial: Buffer.from(place.partial as Uint8Array),
    };
    const opened = await openByteSource(source, source.path === undefined ? stream() : undefined, task.columns);
    const onProgress = progress
      ? (now: Parameters<NonNullable<Parameters<typeof runBuild>[4]>>[0]) => tell({ kind: 'progress', progress: now })
      : undefined;
    tell({ kind: 'done', summary: await runBuild(opened, where, task, pacer, onProgress) });
  } catch (error) {
    tell({ kind: 'failed', error: sendError(error) });
  } finally {
    parentPort?.close();
  }
}

void main();
