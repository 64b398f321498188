import { type Command, InvalidArgumentError, Option } from 'commander';
import type { FollowOptions, Paths } from '../inspect/contract';
import { parseSeconds } from './amounts';
import { EXIT } from './command';
import { messageOf } from './failures';
import { pathOf } from './file-names';
import { SORT_KEYS, type SortKey } from './inspect/report';
import type { Output } from './output';
import { declareTreeOptions, type TreeFlags, treeOptionsOf } from './tree-options';
import type { View } from './watch/view';

interface WatchFlags extends TreeFlags {
  readonly interval: number;
  readonly rounds?: number;
  readonly sort?: SortKey;
  readonly json?: true;
  readonly ascii?: true;
}

const EXAMPLES = `
Examples:
  nofault watch /var/lib/db
  nofault watch --sort resident --interval 0.5 --include '*.idx' /var/lib/db
  nofault watch --json --rounds 60 /var/lib/db > minute.jsonl

Exit codes: 0 ended by Ctrl-C, or after the rounds that were asked for, 1 a file could not be looked at, 2 wrong usage`;

export function declare(command: Command, output: Output): void {
  command
    .description(
      'Shows what of files is in memory as it changes: the table of "nofault inspect", over and over. On a terminal it takes the whole screen. Looking reads nothing in, and takes at most 3 % of a processor: where it would cost more it looks less often.',
    )
    .argument('<path...>', 'the files and folders to watch');
  declareTreeOptions(command)
    .option('--interval <seconds>', 'the least time from one look to the next', parseSeconds, 1000)
    .option('--rounds <count>', 'end after so many looks', parseCount)
    .addOption(new Option('--sort <key>', 'largest first, or by name').choices(SORT_KEYS))
    .option('--json', 'print one JSON object a look and line')
    .option('--ascii', 'draw maps in plain ASCII; so they are anyway where the locale is not UTF-8')
    .addHelpText('after', EXAMPLES)
    .action(async (names: string[], flags: WatchFlags) => {
      process.exitCode = await watch(names.map(pathOf), flags, output);
    });
}

async function watch(paths: Paths, flags: WatchFlags, output: Output): Promise<number> {
  const { follow } = require('../inspect/follow') as typeof import('../inspect/follow');
  const view = viewOf(flags, output);
  let looking = new AbortController();
  let ended = false;
  const end = (): void => {
    ended = true;
    looking.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  // Cells are as wide as the screen, so a screen of another width is another question.
  const resize = (): void => looking.abort();
  process.stdout.on('resize', resize);
  let failed = false;
  try {
    for (let left = flags.rounds ?? Number.POSITIVE_INFINITY; left > 0 && !ended; ) {
      looking = new AbortController();
      const { signal } = looking;
      const options: FollowOptions = { ...treeOptionsOf(flags), interval: flags.interval, cells: view.columns(), signal };
      try {
        for await (const round of follow(paths, options)) {
          await view.show(round);
          failed = round.totals.failed > 0;
          left -= 1;
          if (left <= 0) break;
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    }
  } catch (error) {
    view.end();
    output.complain(messageOf(error, 'watch'));
    return EXIT.failed;
  }
  process.stdout.off('resize', resize);
  view.end();
  return failed ? EXIT.failed : EXIT.ok;
}

function viewOf(flags: WatchFlags, output: Output): View {
  if (flags.json) return (require('./watch/json-rounds') as typeof import('./watch/json-rounds')).jsonRounds(output, flags);
  return (require('./watch/live-table') as typeof import('./watch/live-table')).liveTable(output, flags);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!(Number.isSafeInteger(count) && count > 0)) throw new InvalidArgumentError('Expected a whole number from 1 on.');
  return count;
}
