import { evict, inspect, type Progress, type ResidencyRun, warm } from '../../src/index';
import { MiB, pattern, TestFiles } from '../files';
import { slowDiskLacks, startSlowDisk } from '../rigs/slow-disk';
import { when } from '../when';
import { all } from './collecting';

const PAGE = 4096;
const EIO = 5;
const files = TestFiles.make();

async function residentRuns(path: string): Promise<ResidencyRun[]> {
  const [found] = await all(inspect(path, { map: true }));
  return [...(found?.map?.runs ?? [])].filter(({ state }) => state === 'resident');
}

async function warmed(path: string, ranges: { offset: number; length: number }[]): Promise<Progress> {
  return (await all(warm([{ path, ranges }]))).at(-1) as Progress;
}

test('however long a run is, nothing is read beyond its end', async () => {
  const path = files.patterned('long', 128 * MiB);
  const ranges = [
    { offset: 3 * MiB, length: 61 * MiB + PAGE },
    { offset: 66 * MiB, length: PAGE },
    { offset: 80 * MiB, length: 40 * MiB - PAGE },
  ];
  const wanted = ranges.map((range) => ({ ...range, state: 'resident' }));
  // The machine may reclaim a page at any moment, but it brings none in.
  for (let attempt = 0; ; attempt++) {
    await all(evict(path));
    const before = await residentRuns(path);
    const { bytes, error } = await warmed(path, ranges);
    expect(error).toBeUndefined();
    const found = await residentRuns(path);
    if (before.length === 0) {
      expect(bytes).toBe(ranges.reduce((sum, { length }) => sum + length, 0));
      for (const { offset, length } of found) {
        expect(ranges.some((range) => range.offset <= offset && offset + length <= range.offset + range.length)).toBe(true);
      }
    }
    if (JSON.stringify(found) === JSON.stringify(wanted)) return;
    expect(attempt).toBeLessThan(50);
  }
});

when(slowDiskLacks('ext4')).test('a page of a long run that cannot be read is told, and all others are read', async () => {
  const disk = await startSlowDisk({ fs: 'ext4' });
  const size = 64 * MiB;
  const bad = [{ offset: 20 * MiB + PAGE }, { offset: 37 * MiB }];
  try {
    const path = await disk.write('failing', pattern(size));
    for (const { offset } of bad) await disk.fail('failing', { offset, length: PAGE });
    const { bytes, error } = await warmed(path, [{ offset: 0, length: size }]);
    expect(error).toMatchObject({ code: 'IO', errno: EIO, path, offset: 20 * MiB + PAGE });
    expect(bytes).toBe(size - 2 * PAGE);
    await disk.heal();
    expect(
      (
        await warmed(
          path,
          bad.map(({ offset }) => ({ offset, length: PAGE })),
        )
      ).error,
    ).toBeUndefined();
  } finally {
    await disk.stop();
  }
});
