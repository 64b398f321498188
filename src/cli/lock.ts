import { once } from 'node:events';
import { constants } from 'node:os';
import type { Command } from 'commander';
import type { FileName } from '../inspect/contract';
import { pageRanges } from '../inspect/page-ranges';
import type { PartsTask } from '../inspect/parts';
import { EXIT } from './command';
import { failureOf, messageOf } from './failures';
import { printable, printableJson } from './file-names';
import { formatBytes } from './format-bytes';
import { type Held, LockingBar } from './locking-bar';
import type { Output } from './output';
import { declarePartOptions, type PartFlags, partsOf } from './parts-of-files';
import { declareTreeOptions, nameOf, type TreeFlags, treeOptionsOf } from './tree-options';
import { files } from './work-on-files';

interface LockFlags extends TreeFlags, PartFlags {
  readonly json?: true;
}

/** Bytes of an entry: the longest may have twice as many. */
const ENTRY = 8 * 2 ** 20;

const EXAMPLES = `
Examples:
  nofault lock /var/lib/db/orders.idx
  nofault lock --range 0-64M big.file
  nofault inspect --runs resident /var/lib/db > hot.runs && nofault lock --runs hot.runs

How much may be locked is what "ulimit -l" says (RLIMIT_MEMLOCK), unless the process has CAP_IPC_LOCK: see "nofault doctor". Of how
many files, "ulimit -n".

Exit codes: 0 everything was held until Ctrl-C or SIGTERM, 1 some of it could not be, 2 wrong usage`;

export function declare(command: Command, output: Output): void {
  command
    .description(
      'Brings files into memory and keeps them there, until it is ended. What a limit does not allow is told, and the rest is held.',
    )
    .argument('[path...]', 'the files and folders to keep');
  declarePartOptions(declareTreeOptions(command))
    .option('--json', 'print one JSON object a file and line, and one with the sums once everything is held')
    .addHelpText('after', EXAMPLES)
    .action(async (names: string[], flags: LockFlags) => {
      process.exitCode = await hold(command, names, flags, output);
    });
}

async function hold(command: Command, names: readonly string[], flags: LockFlags, output: Output): Promise<number> {
  const { Parts } = require('../inspect/parts') as typeof import('../inspect/parts');
  const ending = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  const options = { ...treeOptionsOf(flags), ...(flags.range && { ranges: flags.range }) };
  const parts = new Parts(await partsOf(command, names, flags), options);
  const held: Held = { files: [], failed: 0, bytes: 0 };
  const locking = (async () => {
    const bar = new LockingBar(held, output, output.narration.interactive ? await parts.sum(({ size }) => size) : undefined);
    for await (const task of parts.tasks()) if (!(await lockOne(task, held, flags, output, bar))) break;
    bar.stop();
    if (!flags.json) await output.write(`holding ${formatBytes(held.bytes)} of ${files(held.files.length)}\n`);
    else await output.write(`${json({ files: held.files.length, failed: held.failed, lockedBytes: held.bytes })}\n`);
    if (held.files.length > 0 && output.narration.interactive) output.say('Ctrl-C lets go.');
    return held.files.length > 0;
  })();
  const worthwhile = await Promise.race([locking, ending]);
  if (worthwhile === true) {
    // Signals alone do not keep a process alive.
    const alive = setInterval(() => {}, 2 ** 30);
    await ending;
    clearInterval(alive);
  }
  // The kernel lets go with the process, at once; a read that hangs is not waited for.
  process.exit(held.failed === 0 ? EXIT.ok : EXIT.failed);
}

/** False where the next file could not be held either. */
async function lockOne(
  { name, error, ranges }: PartsTask,
  held: Held,
  flags: LockFlags,
  output: Output,
  bar: LockingBar,
): Promise<boolean> {
  const path: FileName = name.text ?? name.bytes;
  try {
    if (error !== undefined) throw error;
    const { open } = require('../file/open') as typeof import('../file/open');
    const file = await open(path);
    bar.file = file;
    await file.lock(entries(pageRanges(ranges, file.size, file.pageSize, 'touched'), file.pageSize));
    bar.end();
    const bytes = file.stats().lockedBytes;
    held.files.push(file);
    held.bytes += bytes;
    if (flags.json) await output.write(`${json({ path: nameOf(path), lockedBytes: bytes })}\n`);
    else await output.write(`${formatBytes(bytes).padStart(10)}  ${printable(nameOf(path))}\n`);
    return true;
  } catch (failure) {
    bar.end();
    held.failed += 1;
    output.complain(messageOf(failure, nameOf(path)));
    if (flags.json) await output.write(`${json({ path: nameOf(path), error: failureOf(failure, nameOf(path)) })}\n`);
    const { errno } = failure as { errno?: unknown };
    if (errno !== constants.errno.EMFILE && errno !== constants.errno.ENFILE) return true;
    output.complain(`no file after it is held: each stays open, and the limit is reached ("ulimit -n", or fs.file-max)`);
    return false;
  }
}

function* entries(edges: readonly number[], pageSize: number): Generator<{ first: number; count: number }, void, undefined> {
  const most = Math.floor(ENTRY / pageSize);
  for (let i = 0; i < edges.length; i += 2) {
    const end = edges[i + 1] as number;
    for (let first = edges[i] as number; first < end; first += most) yield { first, count: Math.min(most, end - first) };
  }
}

function json(value: unknown): string {
  return printableJson(JSON.stringify(value));
}
