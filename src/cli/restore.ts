import type { Command } from 'commander';
import type { ProgressTotals } from '../inspect/contract';
import { parseBytes, parseSomeBytes } from './amounts';
import { EXIT } from './command';
import { messageOf } from './failures';
import { pathOf } from './file-names';
import { formatBytes } from './format-bytes';
import type { Output } from './output';
import { worked, workOnFiles } from './work-on-files';

interface RestoreFlags {
  readonly root?: string;
  readonly rate?: number;
  readonly most?: number;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  nofault restore hot.snapshot
  nofault restore --rate 200M hot.snapshot          # leaves the disk time for others
  nofault restore --root /mnt/replica hot.snapshot  # what was /var/lib/db is /mnt/replica/var/lib/db

Exit codes: 0 everything that was wanted is in memory, 1 a file failed, or the snapshot cannot be used, 2 wrong usage`;

export function declare(command: Command, output: Output): void {
  command
    .description(
      'Brings back what a snapshot says was in memory: files of which the largest share was come first, and of each only what is missing. Files that have left are told and skipped.',
    )
    .argument('<snapshot>', 'the file that "nofault snapshot" wrote')
    .option('--root <folder>', 'the folder that stands for /; nothing outside of it is opened')
    .option('--rate <bytes>', 'read at most so much a second, such as 200M', parseSomeBytes)
    .option('--most <bytes>', 'take at most so much of the snapshot; what memory has room for by itself', parseBytes)
    .option('--json', 'print one JSON object a file and line, and one with the sums at the end')
    .addHelpText('after', EXAMPLES)
    .action(async (name: string, flags: RestoreFlags) => {
      process.exitCode = await bringBack(name, flags, output);
    });
}

async function bringBack(name: string, { root, rate, most, json }: RestoreFlags, output: Output): Promise<number> {
  const { restore } = require('../inspect/restore') as typeof import('../inspect/restore');
  const work = restore(pathOf(name), {
    ...(root !== undefined && { root: pathOf(root) }),
    ...(rate !== undefined && { rate }),
    ...(most !== undefined && { mostBytes: most }),
  });
  try {
    const { failed } = await workOnFiles(work, { ...(json && { json }), summary }, output);
    return failed === 0 ? EXIT.ok : EXIT.failed;
  } catch (error) {
    output.complain(messageOf(error, name));
    return EXIT.failed;
  }
}

function summary(totals: ProgressTotals): string {
  const { bytes, skippedBytes, leftOutBytes } = totals;
  const leftOut = leftOutBytes === 0 ? '' : `; ${formatBytes(leftOutBytes)} left out, for which memory has no room`;
  return `brought in ${formatBytes(bytes)} of ${worked(totals)}; ${formatBytes(skippedBytes)} needed no reading${leftOut}`;
}
