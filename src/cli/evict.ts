import type { Command } from 'commander';
import type { ProgressTotals } from '../inspect/contract';
import { EXIT } from './command';
import { formatBytes } from './format-bytes';
import type { Output } from './output';
import { declarePartOptions, type PartFlags, partsOf } from './parts-of-files';
import { declareTreeOptions, type TreeFlags, treeOptionsOf } from './tree-options';
import { worked, workOnFiles } from './work-on-files';

interface EvictFlags extends TreeFlags, PartFlags {
  readonly flush: boolean;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  nofault evict big.file
  nofault evict --exclude '*.idx' /var/lib/db
  nofault evict --range 1G- big.file

What stays: pages that a process has mapped or locked, that are on their way to the device, and all files of tmpfs.

Exit codes: 0 what can leave has left (stdout says what stayed), 1 something failed, 2 wrong usage`;

export function declare(command: Command, output: Output): void {
  command
    .description('Drops files from memory; what is dirty is written to the device first. Whoever reads them brings them back.')
    .argument('[path...]', 'the files and folders to drop');
  declarePartOptions(declareTreeOptions(command))
    .option('--no-flush', 'write nothing: dirty pages stay')
    .option('--json', 'print one JSON object a file and line, and one with the sums at the end')
    .addHelpText('after', EXAMPLES)
    .action(async (names: string[], flags: EvictFlags) => {
      const { evict } = require('../inspect/evict') as typeof import('../inspect/evict');
      const parts = await partsOf(command, names, flags);
      const options = { ...treeOptionsOf(flags), flush: flags.flush, ...(flags.range && { ranges: flags.range }) };
      const work = evict(parts, { ...options, countFirst: output.narration.interactive });
      const { failed } = await workOnFiles(work, { ...(flags.json && { json: true }), summary }, output);
      process.exitCode = failed === 0 ? EXIT.ok : EXIT.failed;
    });
}

function summary(totals: ProgressTotals): string {
  const { bytes, keptBytes, unknownBytes } = totals;
  const kept = keptBytes === 0 ? '' : `; ${formatBytes(keptBytes)} stayed (mapped, locked, or being written)`;
  const unknown = unknownBytes === 0 ? '' : `; of ${formatBytes(unknownBytes)} the kernel does not tell whether they left`;
  return `dropped ${formatBytes(bytes)} of ${worked(totals)}${kept}${unknown}`;
}
