import type { Command } from 'commander';
import type { SnapshotSummary } from '../inspect/contract';
import { EXIT } from './command';
import { CountingLine } from './counting-line';
import { failureOf, messageOf } from './failures';
import { pathOf, printableJson } from './file-names';
import { formatBytes } from './format-bytes';
import type { Output } from './output';
import { declareTreeOptions, nameOf, type TreeFlags, treeOptionsOf } from './tree-options';
import { files } from './work-on-files';

interface SnapshotFlags extends TreeFlags {
  readonly output: string;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  nofault snapshot /var/lib/db -o hot.snapshot
  nofault snapshot --include '*.idx' /var/lib/db -o hot.snapshot && scp hot.snapshot replica:
  nofault restore hot.snapshot                      # after the restart, or on the replica

Exit codes: 0 every file is in it as far as it is in memory, 1 some could not be looked at, or it could not be written, 2 wrong usage`;

export function declare(command: Command, output: Output): void {
  command
    .description('Writes down which parts of files are in memory, so that "nofault restore" brings them back later. Nothing is read in.')
    .argument('<path...>', 'the files and folders to look at');
  declareTreeOptions(command)
    .requiredOption('-o, --output <file>', 'where to write the snapshot; what is there is replaced once it is whole')
    .option('--json', 'print one JSON object: what the snapshot holds')
    .addHelpText('after', EXAMPLES)
    .action(async (names: string[], flags: SnapshotFlags) => {
      process.exitCode = await take(names, flags, output);
    });
}

async function take(names: readonly string[], flags: SnapshotFlags, output: Output): Promise<number> {
  const { snapshot } = require('../inspect/snapshot') as typeof import('../inspect/snapshot');
  const line = new CountingLine(output);
  let summary: SnapshotSummary;
  try {
    summary = await snapshot(names.map(pathOf), pathOf(flags.output), {
      ...treeOptionsOf(flags),
      onProgress: ({ totals }) => line.update(totals),
    });
  } catch (error) {
    line.end();
    output.complain(messageOf(error, flags.output));
    return EXIT.failed;
  }
  line.end();
  for (const { path, error } of summary.failures) output.complain(messageOf(error, nameOf(path)));
  const untold = summary.failed - summary.failures.length;
  if (untold > 0) output.complain(`${files(untold)} more could not be looked at`);
  await output.write(flags.json ? `${printableJson(JSON.stringify(objectOf(summary)))}\n` : `${sentence(summary)}\n`);
  return summary.failed === 0 ? EXIT.ok : EXIT.failed;
}

function sentence({ files: count, runs, residentBytes, snapshotBytes }: SnapshotSummary): string {
  const inRuns = `${runs} ${runs === 1 ? 'run' : 'runs'}`;
  return `${formatBytes(residentBytes)} in memory of ${files(count)}, in ${inRuns}; the snapshot has ${formatBytes(snapshotBytes)}`;
}

function objectOf(summary: SnapshotSummary): object {
  const failures = summary.failures.map(({ path, error }) => ({ path: nameOf(path), error: failureOf(error, nameOf(path)) }));
  return { ...summary, failures };
}
