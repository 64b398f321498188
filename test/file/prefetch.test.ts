import { open } from '../../src/index';
import { evictUnmapped, GiB, MiB, pattern, TestFiles } from '../files';
import { readPage } from '../reading';

const files = TestFiles.make();

test('prefetched pages come into memory without anybody waiting', async () => {
  const file = await open(files.sparse('hole', GiB));
  expect(file.prefetch([100, { first: 200_000, count: 64 }, 7])).toBeUndefined();
  // Nothing tells that a prefetch is done; the map shows it in the end. Should the pages be reclaimed, they are asked for again.
  for (let turn = 1; ; turn++) {
    const map = await file.residency();
    if (map.residentBytes >= 66 * file.pageSize) break;
    if (turn % 200 === 0) file.prefetch([100, { first: 200_000, count: 64 }, 7]);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await file.close();
});

test('a page can be asked for while it is prefetched', async () => {
  const file = await open(files.sparse('second hole', 4 * GiB));
  const pages = Array.from({ length: 2000 }, (_, i) => i * 500);
  file.prefetch(pages);
  const set = file.getPages(pages);
  expect(await set.arrived).toBe(set);
  expect(file.stats().errors).toBe(0);
  await file.close();
});

test('prefetched bytes are the right ones', async () => {
  const content = pattern(8 * MiB);
  const path = files.write('file', content);
  evictUnmapped(path);
  const file = await open(path);
  file.prefetch([{ first: 0, count: 2048 }]);
  for (const page of [0, 1, 1000, 2047]) {
    expect((await readPage(file, page)).equals(content.subarray(page * 4096, (page + 1) * 4096))).toBe(true);
  }
  await file.close();
});

test('prefetching nothing, or what is in memory already, is fine', async () => {
  const file = await open(files.patterned('small', 10_000));
  file.prefetch([]);
  await file.getPages([0, 1, 2]).arrived;
  file.prefetch([0, 1, 2, { first: 0, count: 3 }]);
  file.prefetch(Uint32Array.of(0, 0, 2));
  await file.close();
});

test('a file may be closed while it is prefetched, again and again', async () => {
  for (let i = 0; i < 20; i++) {
    const file = await open(files.sparse(`closed-${i}`, 8 * GiB));
    file.prefetch(Array.from({ length: 5000 }, (_, k) => k * 400));
    await file.close();
  }
});
