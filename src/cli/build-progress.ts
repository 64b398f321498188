import type { BuildProgress } from '../index';
import { formatBytes } from './format-bytes';
import type { Terminal } from './terminal';

/** A line on the terminal that says how far a build is. */
export interface ProgressLine {
  show(progress: BuildProgress): void;
  /** Takes it away again. */
  end(): void;
}

export function buildProgressLine({ unicode }: Terminal): ProgressLine {
  const { SingleBar, Presets } = require('cli-progress') as typeof import('cli-progress');
  const options = { clearOnComplete: true, hideCursor: true, barsize: 24 };
  let phase: BuildProgress['phase'] | undefined;
  let bar: InstanceType<typeof SingleBar> | undefined;
  return {
    show(progress) {
      const { total, done, format } = partOf(progress);
      if (phase !== progress.phase) {
        bar?.stop();
        bar = new SingleBar({ ...options, format }, unicode ? Presets.shades_grey : Presets.legacy);
        bar.start(total, done, texts(progress));
        phase = progress.phase;
      }
      bar?.setTotal(total);
      bar?.update(done, texts(progress));
    },
    end() {
      bar?.stop();
    },
  };
}

function partOf({ phase, bytesRead, bytesTotal, columnsWritten, columnsTotal }: BuildProgress): {
  total: number;
  done: number;
  format: string;
} {
  if (phase === 'writing') return { total: columnsTotal, done: columnsWritten, format: '{bar} writing column {value} of {total}' };
  if (bytesTotal === undefined) return { total: 0, done: bytesRead, format: '{rows} rows, {read} read' };
  return { total: bytesTotal, done: bytesRead, format: '{bar} {percentage} % of {size}, {rows} rows' };
}

function texts({ rows, bytesRead, bytesTotal }: BuildProgress): { rows: number; read: string; size: string } {
  return { rows, read: formatBytes(bytesRead), size: formatBytes(bytesTotal ?? 0) };
}
