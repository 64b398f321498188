import type { Command } from 'commander';
import type { ProgressTotals } from '../inspect/contract';
import { parseSomeBytes } from './amounts';
import { EXIT } from './command';
import { formatBytes } from './format-bytes';
import type { Output } from './output';
import { declarePartOptions, type PartFlags, partsOf } from './parts-of-files';
import { declareTreeOptions, type TreeFlags, treeOptionsOf } from './tree-options';
import { worked, workOnFiles } from './work-on-files';

interface WarmFlags extends TreeFlags, PartFlags {
  readonly rate?: number;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  nofault warm /var/lib/db
  nofault warm --rate 200M --include '*.idx' /var/lib/db
  nofault warm --range 0-64M big.file
  nofault inspect --runs resident /var/lib/db > hot.runs && nofault warm --runs hot.runs

Exit codes: 0 everything is in memory, 1 some of it could not be read, 2 wrong usage`;

export function declare(command: Command, output: Output): void {
  command
    .description(
      'Brings files into memory: what is missing is read, nothing else, and holes are skipped. Nothing keeps it there: "nofault lock" does.',
    )
    .argument('[path...]', 'the files and folders to bring in');
  declarePartOptions(declareTreeOptions(command))
    .option('--rate <bytes>', 'read at most so much a second, such as 200M', parseSomeBytes)
    .option('--json', 'print one JSON object a file and line, and one with the sums at the end')
    .addHelpText('after', EXAMPLES)
    .action(async (names: string[], flags: WarmFlags) => {
      const { warm } = require('../inspect/warm') as typeof import('../inspect/warm');
      const parts = await partsOf(command, names, flags);
      const options = { ...treeOptionsOf(flags), ...(flags.rate && { rate: flags.rate }), ...(flags.range && { ranges: flags.range }) };
      const work = warm(parts, { ...options, countFirst: output.narration.interactive });
      const { failed } = await workOnFiles(work, { ...(flags.json && { json: true }), summary }, output);
      process.exitCode = failed === 0 ? EXIT.ok : EXIT.failed;
    });
}

function summary(totals: ProgressTotals): string {
  return `brought in ${formatBytes(totals.bytes)} of ${worked(totals)}; ${formatBytes(totals.skippedBytes)} needed no reading`;
}
