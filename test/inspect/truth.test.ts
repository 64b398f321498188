import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { evict, type FileResidency, inspect, open, type Progress, type ResidencyMap, warm } from '../../src/index';
import { builtPackage } from '../built-package';
import { programPath } from '../child';
import { MiB, pattern, residentBytesByFincore, TestFiles } from '../files';
import { type Circumstances, otherUserLacks, run } from '../rigs/launch';
import { mountOverlay } from '../rigs/overlay';
import { refusingLacks } from '../rigs/refuse';
import { hasTool, mountingLacks, tool } from '../rigs/system';
import { beginRig, endRig } from '../rigs/watch';
import { when } from '../when';
import { all } from './collecting';

const files = TestFiles.make();
chmodSync(files.folder, 0o755);
const PAGE = 4096;

interface Known {
  readonly counted: FileResidency & { code?: string; kernel: boolean };
  readonly again: Known['counted'];
  readonly mapped: Known['counted'];
  readonly map: ResidencyMap;
  readonly warmed: Progress;
  readonly evicted: Progress;
}

async function known(path: string, circumstances: Circumstances): Promise<Known> {
  const { code, stdout, stderr } = await run(process.execPath, [programPath('inspecting.cjs'), builtPackage(), path], circumstances);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Known;
}

/** The machine may reclaim a page at any moment. */
async function eventually(work: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) if (await work()) return;
  throw new Error('in 100 attempts it was never seen');
}

describe('counts are those of other programs', () => {
  const VMTOUCH = hasTool('vmtouch') ? undefined : 'needs vmtouch';
  const FINCORE = residentBytesByFincore(process.execPath) === undefined ? 'needs fincore, of util-linux' : undefined;

  /** A file that is resident in many places: pages that are locked, and what was read around them. */
  async function scattered(name: string): Promise<{ path: string; close(): Promise<void> }> {
    const path = files.patterned(name, 30 * MiB + 17);
    for await (const _ of evict(path));
    const file = await open(path);
    await file.lock(Array.from({ length: 300 }, (_, i) => i * 25 + (i % 3)));
    return { path, close: () => file.close() };
  }

  when(FINCORE).test('fincore', async () => {
    const { path, close } = await scattered('fincore');
    await eventually(async () => {
      const before = residentBytesByFincore(path);
      const [mapped] = await all(inspect(path, { map: true }));
      const [counted] = await all(inspect(path, { cells: 10 }));
      const after = residentBytesByFincore(path);
      // fincore counts whole pages, also the last.
      const pages = (bytes: number): number => Math.ceil(bytes / PAGE) * PAGE;
      return before === after && pages(mapped?.residentBytes as number) === before && pages(counted?.residentBytes as number) === before;
    });
    await close();
  });

  when(VMTOUCH).test('vmtouch, of a file and of a tree', async () => {
    const { path, close } = await scattered('vmtouch');
    const byVmtouch = (what: string): number => {
      const { stdout } = spawnSync('vmtouch', [what], { encoding: 'utf8' });
      return Number(/Resident Pages: (\d+)\//.exec(stdout)?.[1]) * PAGE;
    };
    for (const what of [path, files.folder]) {
      await eventually(async () => {
        const before = byVmtouch(what);
        const inspected = await all(inspect(what));
        const pages = inspected.reduce((sum, { residentBytes }) => sum + Math.ceil(residentBytes / PAGE) * PAGE, 0);
        return before === byVmtouch(what) && pages === before;
      });
    }
    await close();
  });
});

when(otherUserLacks()).test('who is deceived is told that nothing is known, never that all is resident', async () => {
  const path = files.patterned('deceived', MiB);
  chmodSync(path, 0o644);
  for await (const _ of evict(path));
  const answers = await known(path, { as: 'reader' });
  for (const one of [answers.counted, answers.again, answers.mapped]) {
    // Some kernels let cachestat tell the truth to everybody.
    expect(one.unknownBytes === MiB || one.residentBytes < MiB).toBe(true);
  }
  expect(answers.mapped.unknownBytes).toBe(MiB);
  expect(answers.map).toEqual({ residentBytes: 0, unknownBytes: MiB });
  // It may be brought in all the same.
  expect(answers.warmed).toMatchObject({ finished: true, bytes: MiB });
});

describe('where questions are refused', () => {
  const path = (name: string): string => {
    const made = files.patterned(name, MiB);
    readFileSync(made);
    return made;
  };

  when(refusingLacks()).test('without cachestat the files are mapped', async () => {
    await eventually(async () => {
      const { counted, mapped, warmed } = await known(path('no cachestat'), { refuse: { cachestat: 'ENOSYS' } });
      expect([counted.kernel, counted.unknownBytes, mapped.unknownBytes]).toEqual([false, 0, 0]);
      expect(warmed.error).toBeUndefined();
      return counted.residentBytes === MiB && mapped.residentBytes === MiB && counted.cells?.length === 2;
    });
  });

  when(refusingLacks()).test('without mincore they are counted, and no map is known', async () => {
    await eventually(async () => {
      const { counted, mapped } = await known(path('no mincore'), { refuse: { mincore: 'EPERM' } });
      expect(mapped).toMatchObject({ residentBytes: 0, unknownBytes: MiB });
      return counted.residentBytes === MiB;
    });
  });

  when(refusingLacks()).test('without both nothing is known', async () => {
    const { counted, again, mapped } = await known(path('nothing'), { refuse: { mincore: 'EPERM', cachestat: 'EPERM' } });
    for (const one of [counted, again, mapped]) expect(one).toMatchObject({ residentBytes: 0, unknownBytes: MiB, kernel: false });
  });
});

when(mountingLacks()).test('on a file system that lies over another, mincore is believed', async () => {
  const rig = beginRig();
  const { lower, merged } = await mountOverlay(rig);
  writeFileSync(join(lower, 'file'), pattern(MiB));
  try {
    await eventually(async () => {
      readFileSync(join(merged, 'file'));
      const answers = [
        ...(await all(inspect(merged))),
        ...(await all(inspect([join(merged, 'file'), join(lower, 'file')], { map: true }))),
        ...(await all(inspect(merged, { cells: 4 }))),
      ];
      return answers.length === 4 && answers.every(({ residentBytes }) => residentBytes === MiB);
    });
    for await (const progress of warm(merged)) expect(progress.error).toBeUndefined();
    const inner = rig.make('merged/mounted');
    await tool('mount', ['-t', 'tmpfs', 'tmpfs', inner]);
    writeFileSync(join(inner, 'elsewhere'), 'x');
    expect(await all(inspect(merged))).toHaveLength(2);
    expect(await all(inspect(merged, { oneFileSystem: true }))).toHaveLength(1);
  } finally {
    await endRig(rig);
  }
});
