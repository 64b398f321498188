import type { Progress, ProgressTotals } from '../inspect/contract';
import { failureOf, messageOf } from './failures';
import { printableJson } from './file-names';
import type { Output } from './output';
import { ProgressBar } from './progress-bar';
import { nameOf } from './tree-options';

/** What a command says of its work. */
export interface WorkReport {
  readonly json?: true;
  /** One line for people, at the end. */
  summary(totals: ProgressTotals): string;
}

const NOTHING: ProgressTotals = {
  files: 0,
  failed: 0,
  bytes: 0,
  skippedBytes: 0,
  keptBytes: 0,
  unknownBytes: 0,
  toDo: undefined,
  leftOutBytes: 0,
};

/** Follows work on files to its end, and returns what came of it. Files that fail are told on the way; with `json`, each file and the sums are an object a line. */
export async function workOnFiles(work: AsyncIterable<Progress>, report: WorkReport, output: Output): Promise<ProgressTotals> {
  const bar = new ProgressBar(output);
  let totals = NOTHING;
  try {
    for await (const progress of work) {
      totals = progress.totals;
      const name = nameOf(progress.path);
      if (progress.finished && progress.error !== undefined) {
        bar.stop();
        output.complain(messageOf(progress.error, name));
      }
      if (progress.finished && report.json) await output.write(`${json(objectOf(name, progress))}\n`);
      bar.update(progress);
    }
  } finally {
    bar.stop();
  }
  await output.write(`${report.json ? json(totals) : report.summary(totals)}\n`);
  return totals;
}

function objectOf(name: string, { error, bytes, skippedBytes, keptBytes, unknownBytes }: Progress): object {
  return { path: name, ...(error && { error: failureOf(error, name) }), bytes, skippedBytes, keptBytes, unknownBytes };
}

function json(value: unknown): string {
  return printableJson(JSON.stringify(value));
}

/** `2 files`, and how many failed besides. */
export function worked({ files: done, failed }: ProgressTotals): string {
  return failed === 0 ? files(done) : `${files(done)} (${failed} failed)`;
}

/** `1 file`, `2 files`. */
export function files(count: number): string {
  return `${count} ${count === 1 ? 'file' : 'files'}`;
}
