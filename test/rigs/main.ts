// The rigs by hand: npm run rig -- --help
import { createInterface } from 'node:readline';
import { Command, InvalidArgumentError } from 'commander';
import { CONSOLE_HELP, obeyLine } from './console';
import { run } from './launch';
import { memoryCgroupLacks, startMemoryCgroup } from './memory-cgroup';
import { type FileSystem, slowDiskLacks, startSlowDisk } from './slow-disk';
import { type SlowFolder, slowFolderLacks, startSlowFolder } from './slow-folder';
import { undoLeftovers } from './undo';
import type { Rig } from './watch';

const FILE_SYSTEMS: readonly FileSystem[] = ['ext4', 'xfs', 'btrfs'];
const MiB = 2 ** 20;

function program(): Command {
  const command = new Command('npm run rig --')
    .description(
      'Storage that is slow, faulty or hung, and small memory, to try things on by hand. All of it goes when it is stopped, however that is.',
    )
    .addHelpText('after', `\nWhile a folder or a disk is there, lines on stdin change what is wrong with it:\n\n${CONSOLE_HELP}`);
  command
    .command('slow-folder')
    .description('mount a folder on a server of its own')
    .option('--delay <ms>', 'milliseconds for each read', amount, 0)
    .option('--from <folder>', 'serve the files of this folder; they can be written to')
    .option('--max-background <n>', 'reads ahead in flight at once', amount, 12)
    .action(async ({ delay, from, maxBackground }: { delay: number; from?: string; maxBackground: number }) => {
      refuseWhere(slowFolderLacks());
      await attend(await startSlowFolder({ readDelay: delay, from, maxBackground }));
    });
  command
    .command('slow-disk')
    .description('mount a real file system on a disk of its own')
    .option('--fs <name>', FILE_SYSTEMS.join(', '), fileSystem, 'ext4')
    .option('--size <MiB>', 'size of the disk', amount, 512)
    .option('--delay <ms>', 'milliseconds for each read', amount, 0)
    .action(async ({ fs, size, delay }: { fs: FileSystem; size: number; delay: number }) => {
      refuseWhere(slowDiskLacks(fs));
      await attend(await startSlowDisk({ fs, size: size * MiB, readDelay: delay }));
    });
  command
    .command('memory')
    .description('run a command that has little memory, page cache included')
    .option('--limit <MiB>', 'memory for it and its children', amount, 64)
    .argument('<command...>', 'after --, the command and its words')
    .action(async ([first = '', ...words]: string[], { limit }: { limit: number }) => {
      refuseWhere(memoryCgroupLacks());
      const group = await startMemoryCgroup({ limit: limit * MiB });
      const { code } = await run(first, words, { group }, { stdio: 'inherit' }).finally(() => group.stop());
      process.exitCode = code ?? 1;
    });
  command
    .command('undo')
    .description('take away what rigs have left behind whose processes are gone')
    .action(async () => {
      const undone = await undoLeftovers();
      process.stderr.write(undone.length === 0 ? 'there is nothing to undo\n' : `undone: ${undone.join(', ')}\n`);
    });
  return command;
}

/** Keeps a rig until Ctrl-C or the end of stdin, and obeys its lines meanwhile. */
async function attend(rig: Rig & Pick<SlowFolder, 'folder'> & Parameters<typeof obeyLine>[0]): Promise<void> {
  process.stdout.write(`${rig.folder}\n`);
  process.stderr.write('mounted there; "help" lists what can be changed, Ctrl-C ends it\n');
  const lines = createInterface({ input: process.stdin, terminal: false });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => lines.close());
  lines.on('line', (line) => {
    obeyLine(rig, line).then(
      (answer) => process.stdout.write(`${answer}\n`),
      (error: Error) => process.stderr.write(`${error.message}\n`),
    );
  });
  await new Promise((resolve) => lines.once('close', resolve));
  await rig.stop();
}

function refuseWhere(lacking: string | undefined): void {
  if (lacking !== undefined) throw new Error(`this machine cannot do that: it ${lacking}`);
}

function amount(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('Expected a whole number from 0 on.');
  return value;
}

function fileSystem(text: string): FileSystem {
  const found = FILE_SYSTEMS.find((name) => name === text);
  if (found === undefined) throw new InvalidArgumentError(`Expected one of ${FILE_SYSTEMS.join(', ')}.`);
  return found;
}

program()
  .parseAsync()
  .catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
