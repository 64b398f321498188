import { readFileSync } from 'node:fs';
import { open } from '../../src/index';
import { evictUnmapped, GiB, MiB, TestFiles } from '../files';

const files = TestFiles.make();
const NOTHING = { hits: 0, misses: 0, joined: 0, bytesFetched: 0, inFlight: 0, errors: 0, lastError: undefined, blockedTouches: 0 };

test('a file that was only opened has counted nothing', async () => {
  const file = await open(files.patterned('file', 50_000));
  expect(file.stats()).toMatchObject(NOTHING);
  await file.close();
});

test('entries are counted as hits and misses', async () => {
  const hole = await open(files.sparse('hole', GiB));
  await hole.getPages([1, 2, 3, { first: 10, count: 5 }]).arrived;
  expect(hole.stats()).toMatchObject({ hits: 0, misses: 4, errors: 0, inFlight: 0 });
  const set = hole.getPages([1, 2, 3]);
  await set.arrived;
  expect(hole.stats()).toMatchObject({ hits: set.hits, misses: 4 + set.misses });
  await hole.close();
});

test('the sums of the sets are the sums of the file', async () => {
  const hole = await open(files.sparse('second hole', GiB));
  let hits = 0;
  let misses = 0;
  for (let i = 0; i < 50; i++) {
    const pages = Array.from({ length: 20 }, (_, k) => (i * 7 + k * 13) % 500);
    const set = i % 2 ? hole.getPages(pages) : hole.getRanges(pages.map((page) => ({ offset: page * 4096 + 5, length: 10 })));
    hits += set.hits;
    misses += set.misses;
    if (i % 10 === 0) await set.arrived;
  }
  expect(hole.stats()).toMatchObject({ hits, misses });
  await hole.close();
});

test('questions that are answered at once or not at all are counted too', async () => {
  const hole = await open(files.sparse('third hole', GiB));
  expect(hole.tryPage(0)).toBeUndefined();
  expect(hole.tryRange(50_000, 10)).toBeUndefined();
  expect(hole.tryRead([Buffer.alloc(5)], [100_000])).toBeUndefined();
  expect(hole.stats()).toMatchObject({ hits: 0, misses: 3 });
  await hole.getPages([0]).arrived;
  const { hits, misses } = hole.stats();
  const answered = hole.tryPage(0) !== undefined;
  expect(hole.stats()).toMatchObject(answered ? { hits: hits + 1, misses } : { hits, misses: misses + 1 });
  await hole.close();
});

test('what is fetched is counted in bytes, each page once', async () => {
  const hole = await open(files.sparse('fourth hole', GiB));
  await hole.getPages([1000, { first: 2000, count: 10 }, 3000]).arrived;
  expect(hole.stats().bytesFetched).toBe(12 * hole.pageSize);
  await hole.close();
});

test('what several ask for at once is read from the device once', async () => {
  const size = 64 * MiB;
  const path = files.patterned('cold', size);
  evictUnmapped(path);
  const file = await open(path);
  const other = await open(path);
  const pages = Array.from({ length: 2000 }, (_, i) => i * 8);
  const before = bytesReadByThisProcess();
  await Promise.all([file.getPages(pages).arrived, other.getPages(pages).arrived, file.getPages(pages, { priority: 'scan' }).arrived]);
  // Room for what the test runner itself reads meanwhile, and for a page that is reclaimed and read again.
  expect(bytesReadByThisProcess() - before).toBeLessThan(1.5 * pages.length * file.pageSize);
  await Promise.all([file.close(), other.close()]);
});

test('entries that are waited for are in flight until they arrive', async () => {
  const hole = await open(files.sparse('sixth hole', 16 * GiB));
  const set = hole.getPages(Array.from({ length: 10_000 }, (_, i) => i * 300));
  // Arrivals are handed over in later turns of the event loop, so all of them are still in flight here.
  expect(hole.stats().inFlight).toBe(10_000);
  await set.arrived;
  expect(hole.stats().inFlight).toBe(0);
  await hole.close();
});

test('cancelled entries are no longer in flight and are no errors', async () => {
  const hole = await open(files.sparse('seventh hole', 16 * GiB));
  const controller = new AbortController();
  const set = hole.getPages(
    Array.from({ length: 10_000 }, (_, i) => i * 300),
    { signal: controller.signal },
  );
  controller.abort();
  await set.arrived.catch(() => {});
  expect(hole.stats()).toMatchObject({ inFlight: 0, lastError: undefined });
  await hole.close();
});

test('windows are counted while they are mapped', async () => {
  const hole = await open(files.sparse('eighth hole', 16 * GiB));
  expect(hole.stats().windows).toBe(0);
  await hole.getPages(Array.from({ length: 10 }, (_, i) => i * 262_144)).arrived;
  expect(hole.stats().windows).toBeGreaterThanOrEqual(10);
  await hole.close();
});

test('the counts of one file are its own', async () => {
  const one = await open(files.sparse('ninth hole', GiB));
  const other = await open(files.path('ninth hole'));
  await one.getPages([5, 6, 7]).arrived;
  expect(other.stats()).toMatchObject(NOTHING);
  await Promise.all([one.close(), other.close()]);
});

test('a snapshot of the counts does not change afterwards', async () => {
  const hole = await open(files.sparse('tenth hole', GiB));
  const before = hole.stats();
  await hole.getPages([5, 6, 7]).arrived;
  expect(before).toMatchObject(NOTHING);
  await hole.close();
});

/** What the storage had to deliver for this process so far. */
function bytesReadByThisProcess(): number {
  return Number(/^read_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}
