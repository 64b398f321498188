import { type Command, Option } from 'commander';
import type { FileResidency, Inspection } from '../inspect/contract';
import { parseBytes } from './amounts';
import { EXIT } from './command';
import { CountingLine } from './counting-line';
import { messageOf } from './failures';
import { pathOf } from './file-names';
import type { Report, SortKey } from './inspect/report';
import type { Output } from './output';
import { declareTreeOptions, nameOf, type TreeFlags, treeOptionsOf } from './tree-options';

interface InspectFlags extends TreeFlags {
  readonly json?: true;
  readonly ascii?: true;
  /** `false` with --no-map, `true` with --map, and neither: a line. */
  readonly map?: boolean;
  readonly runs?: 'resident' | 'missing' | 'unknown';
  readonly kernel?: true;
  readonly total?: true;
  readonly min?: number;
  readonly sort?: SortKey;
  readonly svg?: string;
}

const EXAMPLES = `
Examples:
  nofault inspect /var/lib/db/*.idx
  nofault inspect --total --no-map --include '*.idx' /var/lib/db
  nofault inspect --sort resident --min 1M /var/lib/db | head -40
  nofault inspect --runs resident /var/lib/db > hot.runs        # later: nofault warm --runs hot.runs
  nofault inspect --svg db.svg /var/lib/db
  nofault inspect --json big.file | jq .residentBytes

Exit codes: 0 every file was inspected, 1 some could not be, 2 wrong usage`;

export function declare(command: Command, output: Output): void {
  command
    .description(
      'Shows for each file how many bytes of it are in memory (in the page cache), their share, and a map of the file from its start to its end. Folders are walked. Looking reads nothing in.',
    )
    .argument('<path...>', 'the files and folders to look at');
  declareTreeOptions(command)
    .option('--map', 'draw each map over many lines, with positions')
    .option('--no-map', 'draw no maps, and ask for none: much faster for large trees')
    .addOption(
      new Option('--runs <state>', 'print instead the runs of each file that are in this state, as "warm --runs" reads them')
        .choices(['resident', 'missing', 'unknown'])
        .conflicts(['json', 'svg', 'total']),
    )
    .addOption(
      new Option('--sort <key>', 'largest first, or by name; shows nothing until all is known').choices([
        'resident',
        'missing',
        'share',
        'size',
        'name',
      ]),
    )
    .option('--min <bytes>', 'show only files of which so much is in memory (such as 1M)', parseBytes)
    .option('--total', 'show only the sum of all files')
    .option('--kernel', 'show what else the kernel counts: dirty, under write-back, evicted, recently evicted')
    .option('--svg <file>', 'draw the maps as a picture into this file')
    .option('--json', 'print one JSON object a file and line instead; positions are bytes')
    .option('--ascii', 'draw maps in plain ASCII; so they are anyway where the locale is not UTF-8')
    .addHelpText('after', EXAMPLES)
    .action(async (names: string[], flags: InspectFlags) => {
      process.exitCode = (await inspectAll(names, flags, output)) ? EXIT.ok : EXIT.failed;
    });
}

/** Returns whether every file could be inspected. Those that could not are told on the way and do not end it. */
async function inspectAll(names: readonly string[], flags: InspectFlags, output: Output): Promise<boolean> {
  const { inspect } = require('../inspect/inspect') as typeof import('../inspect/inspect');
  const counting = flags.map === false || flags.total === true;
  const map = flags.runs !== undefined || flags.svg !== undefined || !counting;
  const inspection = inspect(names.map(pathOf), { map, ...treeOptionsOf(flags) });
  const report = sorted(reportOf(flags, output), flags.sort);
  // Where files go by on the screen, nobody needs to be told that there are some.
  const silent = flags.total === true || flags.sort !== undefined || flags.svg !== undefined || !output.data.interactive;
  return told(inspection, report, flags.min ?? 0, output, silent ? new CountingLine(output) : undefined);
}

function reportOf(flags: InspectFlags, output: Output): Report {
  if (flags.json) return (require('./inspect/json-lines') as typeof import('./inspect/json-lines')).jsonLines(output, flags);
  if (flags.runs !== undefined) {
    return (require('./inspect/runs') as typeof import('./inspect/runs')).runsOf(output, flags.runs);
  }
  if (flags.svg !== undefined) return (require('./inspect/svg') as typeof import('./inspect/svg')).svgInto(flags.svg, output);
  const { table } = require('./inspect/table') as typeof import('./inspect/table');
  return table(output, { ...flags, map: flags.map === undefined ? 'line' : flags.map ? 'full' : 'none' });
}

function sorted(report: Report, key: SortKey | undefined): Report {
  if (key === undefined) return report;
  const { Sorted } = require('./inspect/report') as typeof import('./inspect/report');
  return new Sorted(report, key);
}

async function told(inspection: Inspection, report: Report, min: number, output: Output, line: CountingLine | undefined): Promise<boolean> {
  let shown = 0;
  for await (const file of inspection) {
    line?.update(inspection.totals);
    const name = nameOf(file.path);
    if (file.error !== undefined) {
      line?.end();
      output.complain(messageOf(file.error, name));
      await report.failure(name, file.error);
    } else if (isWorthwhile(file, min)) {
      shown += 1;
      await report.file(name, file);
    }
  }
  line?.end();
  await report.end(inspection.totals, shown);
  return inspection.totals.failed === 0;
}

function isWorthwhile({ residentBytes }: FileResidency, min: number): boolean {
  return residentBytes >= min;
}
