import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'nofault';
import { projectRoot } from './baseline';
import type { Figure, Surroundings } from './contract';
import { inFolder, makeTree } from './inspect-files';
import { compete, figure } from './rounds';
import { vmtouchIsThere, vmtouchMilliseconds } from './vmtouch';

const PROGRAM = join(projectRoot(), 'dist', 'cli', 'main.js');

/** A tree of small files beside `vmtouch -q`, and what starting the command costs. */
export async function treeFigures({ files, quick, narrate }: Surroundings): Promise<Figure[]> {
  const count = quick ? 20_000 : 100_000;
  return inFolder(files, count * 8192, async (folder) => {
    narrate(`a tree of ${count} files`);
    makeTree(folder, count);
    const tree = await compete(
      [
        {
          name: 'inspect',
          run: async () => {
            const start = performance.now();
            const inspection = inspect(folder);
            for await (const { error } of inspection) if (error) throw error;
            if (inspection.totals.files !== count) throw new Error(`expected ${count} files, but ${inspection.totals.files} were found`);
            return performance.now() - start;
          },
        },
        { name: 'command', run: () => milliseconds(process.execPath, PROGRAM, 'inspect', '--total', '--no-map', folder) },
        ...(vmtouchIsThere() ? [{ name: 'vmtouch', run: () => vmtouchMilliseconds('-q', folder) }] : []),
      ],
      { rounds: quick ? 5 : 9, warmUp: 1 },
    );
    narrate('starting the command');
    const small = join(folder, 'small');
    writeFileSync(small, 'small');
    const start = await compete(
      [
        { name: 'node', run: () => milliseconds(process.execPath, '-e', '0') },
        { name: 'inspect', run: () => milliseconds(process.execPath, PROGRAM, 'inspect', small) },
      ],
      { rounds: quick ? 11 : 31, warmUp: 2 },
    );
    const beyond = start.of('inspect').map((cost, round) => cost - (start.of('node')[round] as number));
    const rates = (key: string, name: string, what: string): Figure =>
      figure(
        key,
        tree.of(name).map((cost) => count / (cost / 1000)),
        what,
      );
    return [
      figure('inspectStartMs', beyond, 'nofault inspect of one small file, beyond `node -e 0`, ms', { atMost: 60 }),
      start.cost('nodeStart_ms', 'node', '`node -e 0`'),
      ...(vmtouchIsThere()
        ? [
            tree.ratio('vmtouch_over_tree', 'vmtouch', 'inspect', `vmtouch -q of ${count} files, over inspect()`, { atLeast: 1.5 }),
            tree.ratio('vmtouch_over_treeCommand', 'vmtouch', 'command', 'the same over the whole command'),
            rates('vmtouch_files_per_s', 'vmtouch', 'files a second of vmtouch -q'),
          ]
        : []),
      rates('tree_files_per_s', 'inspect', 'files a second of inspect()'),
    ];
  });
}

function milliseconds(command: string, ...args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => {
      const elapsed = performance.now() - start;
      if (code === 0) resolve(elapsed);
      else reject(new Error(`${command} ${args.join(' ')} ended with exit code ${code}`));
    });
  });
}
