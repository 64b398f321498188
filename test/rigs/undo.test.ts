import { existsSync } from 'node:fs';
import { runProgram } from '../child';
import { when } from '../when';
import { memoryCgroupLacks } from './memory-cgroup';
import { slowDiskLacks } from './slow-disk';
import { rigProgram, until } from './system';
import { loopsBelow, mountsBelow } from './undo';

const { each } = when(slowDiskLacks('ext4') ?? memoryCgroupLacks());

interface Made {
  readonly scratches: readonly string[];
  readonly group: string;
  readonly mounts: number;
  readonly loops: number;
}

const WAYS = ['killed', 'killed with a read that hangs', 'killed where everything hangs', 'ended'];

each(
  WAYS,
  (how) => `a process that is ${how} leaves no mount, loop device, control group or folder`,
  async (how) => {
    const result = await runProgram('rigs-left-behind.cjs', [rigProgram(), how]);
    expect(result).toMatchObject(how === 'ended' ? { code: 0 } : { signal: 'SIGKILL' });
    const made = JSON.parse(result.stdout) as Made;
    // It did make them.
    expect(made).toMatchObject({ mounts: 3, loops: 1 });
    await until('everything is undone', () => made.scratches.every((folder) => !existsSync(folder)) && !existsSync(made.group));
    for (const folder of made.scratches) expect([...mountsBelow(folder), ...loopsBelow(folder)]).toEqual([]);
  },
);
