import { open, type ResidencyMap } from '../../src/index';
import { evictUnmapped, GiB, MiB, residentBytesByFincore, TestFiles, TiB } from '../files';

const files = TestFiles.make();

/** What holds for every map, whatever is in memory. */
function expectWellFormed(map: ResidencyMap, start: number, size: number): void {
  expect(map.size).toBe(size);
  const runs = [...map.runs];
  let offset = start;
  let resident = 0;
  let unknown = 0;
  let before: string | undefined;
  for (const run of runs) {
    expect(run.offset).toBe(offset);
    expect(run.length).toBeGreaterThan(0);
    expect(run.state).not.toBe(before);
    expect(['resident', 'missing', 'unknown']).toContain(run.state);
    if (run.state === 'resident') resident += run.length;
    if (run.state === 'unknown') unknown += run.length;
    before = run.state;
    offset += run.length;
  }
  expect(offset).toBe(start + size);
  expect(map.residentBytes).toBe(resident);
  expect(map.unknownBytes).toBe(unknown);
  // A map can be walked again.
  expect([...map.runs]).toEqual(runs);
}

test('the runs cover the file, neighbours differ, and the sums are theirs', async () => {
  for (const size of [1, 4096, 5000, 3 * MiB + 17]) {
    const file = await open(files.patterned(`of-${size}`, size));
    expectWellFormed(await file.residency(), 0, size);
    await file.getPages([0]).arrived;
    const map = await file.residency();
    expectWellFormed(map, 0, size);
    expect(map.pageSize).toBe(file.pageSize);
    await file.close();
  }
});

test('a file that was evicted is missing from start to end', async () => {
  const path = files.patterned('evicted', 8 * MiB + 5);
  evictUnmapped(path);
  const nothingLeft = residentBytesByFincore(path) === 0;
  const file = await open(path);
  const map = await file.residency();
  expectWellFormed(map, 0, 8 * MiB + 5);
  // Opening and asking read nothing of the file.
  if (nothingLeft) expect([...map.runs]).toEqual([{ offset: 0, length: 8 * MiB + 5, state: 'missing' }]);
  await file.close();
});

test('asking for a map brings nothing into memory', async () => {
  const file = await open(files.sparse('untouched', GiB));
  for (let i = 0; i < 3; i++) {
    const map = await file.residency();
    expect([...map.runs]).toEqual([{ offset: 0, length: GiB, state: 'missing' }]);
    expect(map.residentBytes).toBe(0);
  }
  await file.close();
});

test('pages that arrived are in the map, and those that nobody read are not', async () => {
  const file = await open(files.sparse('partly', 64 * MiB));
  // The pages may be reclaimed at any moment, so the map is drawn until it shows them; what was never read never shows.
  for (;;) {
    await file.getPages([{ first: 1000, count: 100 }, 5000]).arrived;
    const map = await file.residency();
    expectWellFormed(map, 0, 64 * MiB);
    const runs = [...map.runs];
    const inside = (offset: number, length: number): boolean =>
      (offset >= 1000 * 4096 && offset + length <= 1100 * 4096) || (offset === 5000 * 4096 && length === 4096);
    expect(runs.filter(({ state }) => state === 'resident').every(({ offset, length }) => inside(offset, length))).toBe(true);
    if (map.residentBytes === 101 * 4096) {
      expect(runs.map(({ state }) => state)).toEqual(['missing', 'resident', 'missing', 'resident', 'missing']);
      break;
    }
  }
  await file.close();
});

test('the last page counts only as far as the file goes', async () => {
  const path = files.path('short end');
  const size = 2 * 4096 + 10;
  for (;;) {
    files.patterned('short end', size);
    const file = await open(path);
    await file.getPages([{ first: 0, count: 3 }]).arrived;
    const map = await file.residency();
    expectWellFormed(map, 0, size);
    await file.close();
    if (map.residentBytes === size) break;
    expect(map.residentBytes).toBeLessThan(size);
  }
});

test('a map of a range tells about that range only, at any alignment', async () => {
  const file = await open(files.patterned('ranges', MiB));
  for (const [offset, length] of [
    [0, MiB],
    [0, 1],
    [4095, 2],
    [100, 200_000],
    [MiB - 1, 1],
    [8192, 4096],
  ] as const) {
    expectWellFormed(await file.residency({ offset, length }), offset, length);
  }
  for (const offset of [0, 5000, MiB]) {
    const map = await file.residency({ offset, length: 0 });
    expect({ size: map.size, resident: map.residentBytes, runs: [...map.runs] }).toEqual({ size: 0, resident: 0, runs: [] });
  }
  await file.close();
});

test('agrees with another program about what is in memory', async () => {
  const path = files.patterned('compared', 16 * MiB);
  const file = await open(path);
  // Between the two answers the machine may reclaim; an answer between two equal ones of the other program must be the same.
  for (let attempt = 0; attempt < 200; attempt++) {
    await file.getPages([{ first: 0, count: 2048 }]).arrived;
    const before = residentBytesByFincore(path);
    const map = await file.residency();
    const after = residentBytesByFincore(path);
    if (before === undefined) break;
    if (before === after) {
      expect(map.residentBytes).toBe(before);
      break;
    }
  }
  await file.close();
});

test('a map of a terabyte in which nothing is cached is one run', async () => {
  const file = await open(files.sparse('huge', TiB));
  expectWellFormed(await file.residency(), 0, TiB);
  await file.close();
});

test('several maps may be drawn at once, while pages arrive', async () => {
  const file = await open(files.sparse('busy', 4 * GiB));
  const set = file.getPages(Array.from({ length: 5000 }, (_, i) => i * 200));
  const maps = await Promise.all([file.residency(), file.residency(), file.residency({ offset: GiB, length: GiB })]);
  for (const [i, map] of maps.entries()) expectWellFormed(map, i === 2 ? GiB : 0, i === 2 ? GiB : 4 * GiB);
  await set.arrived;
  await file.close();
});
