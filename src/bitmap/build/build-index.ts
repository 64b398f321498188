import { invalidArgument } from '../../errors';
import { checkSignal } from '../../file/cancelling';
import { checkColumns } from './columns';
import type { BuildOptions, BuildProgress, BuildSource, IndexSummary, RowObject } from './contract';
import { byteSourceOf, expectedKeys, pathBytes } from './make-source';
import { findPlace, refuseSource } from './output';
import { Pacer } from './pacer';
import { runBuild, type Task } from './run';
import { RowsSource } from './source-rows';
import { buildOnThread } from './thread';

/**
 * Builds a bitmap index of a table, and resolves to what was built.
 *
 * The table is read once, from start to end, and memory stays bounded however many rows there are; what does not fit is kept in temporary files beside the index,
 * up to about its size. The index appears under its name complete or not at all, and takes the place of the one that was there: readers keep that until they
 * `refresh`. The same table gives the same bytes. (`docs/building.md`)
 *
 * Rejects with `BAD_FORMAT` where the source cannot be read, or a row does not fit (the message has its line and its column; `onBadRow: 'skip'` counts such rows
 * instead), with `INVALID_ARGUMENT` where a column that was named is not there or cannot be what it is said to be, or `out` is the source itself, with `LIMIT` beyond 2^32 - 1 rows, with
 * `IO` and the errno where reading or writing fails, a full disk among them, and with the signal's reason when it aborts. In each of these cases what was there
 * before is as it was, and temporary files are gone.
 */
export function buildIndex(source: BuildSource, out: string | Buffer | URL, options: BuildOptions = {}): Promise<IndexSummary> {
  checkSignal(options);
  checkColumns(options.columns);
  const { columns, signal, onProgress, onBadRow = 'fail' } = options;
  if (onProgress !== undefined && typeof onProgress !== 'function') throw invalidArgument('options.onProgress', 'a function', onProgress);
  if (onBadRow !== 'fail' && onBadRow !== 'skip') throw invalidArgument('options.onBadRow', "'fail' or 'skip'", onBadRow);
  const bytes = byteSourceOf(source);
  const path = pathBytes(out, 'out');
  const task: Task = { columns, onBadRow };

  return withinSignal(signal, async (own, end) => {
    // What the callback throws ends the build in the same way as the signal.
    const tell =
      onProgress &&
      ((progress: BuildProgress) => {
        try {
          if (!own.aborted) onProgress(progress);
        } catch (error) {
          end(error);
        }
      });
    const place = await findPlace(path);
    if (bytes !== undefined) {
      if (bytes.path !== undefined) await refuseSource(place, bytes.path);
      const stream = bytes.path === undefined ? (source as { stream: AsyncIterable<Uint8Array> }).stream : undefined;
      return await buildOnThread(bytes, stream, place, task, own, tell);
    }
    const pacer = new Pacer(own);
    const rows = new RowsSource(source as Iterable<RowObject> | AsyncIterable<RowObject>, pacer, expectedKeys(columns));
    return await runBuild(rows, place, task, pacer, tell);
  });
}

/** Work under a signal of its own, which aborts with the caller's or by `end`. */
async function withinSignal<Result>(
  signal: AbortSignal | undefined,
  work: (own: AbortSignal, end: (reason: unknown) => void) => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted();
  const own = new AbortController();
  const pass = (): void => own.abort(signal?.reason);
  signal?.addEventListener('abort', pass);
  try {
    return await work(own.signal, (reason) => own.abort(reason));
  } finally {
    signal?.removeEventListener('abort', pass);
  }
}
