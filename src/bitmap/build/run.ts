import { BadRows } from './bad-rows';
import { Builder } from './builder';
import type { BuildProgress, ColumnSpec, IndexSummary } from './contract';
import { createPartial, discardPartial, type Place, publish } from './output';
import type { Pacer } from './pacer';
import type { Source } from './source';

/** What of a build's options matters to its work. */
export interface Task {
  readonly columns: readonly ColumnSpec[] | undefined;
  readonly onBadRow: 'fail' | 'skip';
}

/** Milliseconds. */
const PROGRESS_INTERVAL = 100;

/** Builds an index of a source and puts it in its place, in the environment that it is called in. Whatever goes wrong, what was there before stays. */
export async function runBuild(
  source: Source,
  place: Place,
  { columns, onBadRow }: Task,
  pacer: Pacer,
  onProgress: ((progress: BuildProgress) => void) | undefined,
): Promise<IndexSummary> {
  const start = performance.now();
  const bad = new BadRows(source.name, onBadRow);
  const builder = new Builder(source, bad, pacer, place, { columns });
  const timer = onProgress && setInterval(() => onProgress(builder.progress), PROGRESS_INTERVAL);
  try {
    const to = await createPartial(place);
    try {
      const { rows, bytes, columns: infos } = await builder.build(to);
      await publish(place, to.handle);
      onProgress?.(builder.progress);
      const { bytesRead } = source;
      const seconds = (performance.now() - start) / 1000;
      return { path: place.name, rows, skippedRows: bad.count, skipped: bad.reasons, bytes, bytesRead, columns: infos, seconds };
    } catch (error) {
      await to.handle.close().catch(() => {});
      await discardPartial(place);
      throw error;
    }
  } finally {
    clearInterval(timer);
  }
}
