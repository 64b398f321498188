import { totalmem } from 'node:os';
import { type MappedFile, open, type Run } from '../../src/index';
import { evictUnmapped, GiB, pattern, TestFiles, TiB } from '../files';
import { bytesIfThere, collect, copyOf } from '../reading';

const files = TestFiles.make();
const PAGES = 8192;
const content = pattern(PAGES * 4096);
const path = files.write('file', content);
let file: MappedFile;

beforeEach(async () => {
  evictUnmapped(path);
  file = await open(path);
});
afterEach(() => file.close());

/** Numbers that look random and are the same on every run. */
function* scattered(count: number, below: number, seed = 1): Generator<number> {
  let state = seed;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state % below;
  }
}

/** Compares a sample of the set's entries with what was written. */
async function expectSample(pages: ArrayLike<number>, sample: number): Promise<void> {
  const set = file.getPages(Array.from(pages));
  await set.arrived;
  for (let i = 0; i < sample; i++) {
    const entry = Math.floor((i * pages.length) / sample);
    const page = pages[entry] ?? 0;
    const got = await copyOf(set, entry, () => file.getPages([page]));
    expect(got.equals(content.subarray(page * 4096, (page + 1) * 4096))).toBe(true);
  }
}

test('unsorted', () => expectSample([...scattered(3000, PAGES)], 3000));

test('descending', () =>
  expectSample(
    Array.from({ length: 1000 }, (_, i) => PAGES - 1 - i * 8),
    1000,
  ));

test('the same page a thousand times', async () => {
  const set = file.getPages(new Array(1000).fill(4321));
  expect(set.hits + set.misses).toBe(1000);
  // A long vector is asked about in steps, and the page may come or go in between.
  expect(set.hits).toBeLessThanOrEqual(1000);
  expect(await collect(set)).toHaveLength(1000);
  const got = await copyOf(set, 999, () => file.getPages([4321]));
  expect(got.equals(content.subarray(4321 * 4096, 4322 * 4096))).toBe(true);
});

test('every page of the file at once, twice over', () => expectSample([...Array(PAGES).keys(), ...Array(PAGES).keys()], 500));

test('runs that overlap, contain each other and repeat', async () => {
  const runs: Run[] = [
    { first: 100, count: 200 },
    { first: 150, count: 10 },
    { first: 0, count: 4096 },
    { first: 100, count: 200 },
    { first: 299, count: 2 },
    { first: 8000, count: 192 },
    { first: 4095, count: 4096 },
  ];
  const set = file.getPages(runs);
  await set.arrived;
  for (const [entry, { first, count }] of runs.entries()) {
    const got = await copyOf(set, entry, () => file.getPages([{ first, count }]));
    expect(got.equals(content.subarray(first * 4096, (first + count) * 4096))).toBe(true);
  }
});

test.each([
  ['a typed array', (pages: Uint32Array) => pages],
  ['an array', (pages: Uint32Array) => Array.from(pages)],
  ['runs', (pages: Uint32Array) => Array.from(pages, (first) => ({ first, count: 1 }))],
])('a million entries as %s', async (_, vectorOf) => {
  const pages = Uint32Array.from(scattered(1_000_000, PAGES, 7));
  const set = file.getPages(vectorOf(pages));
  expect(set.length).toBe(1_000_000);
  expect(set.hits + set.misses).toBe(1_000_000);
  expect(await set.arrived).toBe(set);
  for (let entry = 0; entry < 1_000_000; entry += 9973) {
    const bytes = bytesIfThere(set, entry);
    const page = pages[entry] ?? 0;
    if (bytes) expect(content.subarray(page * 4096, (page + 1) * 4096).equals(bytes)).toBe(true);
  }
});

test('iterating a million entries yields each once', async () => {
  const set = file.getPages(Uint32Array.from(scattered(1_000_000, PAGES, 8)));
  const times = new Uint8Array(1_000_000);
  for await (const entry of set) times[entry] = (times[entry] ?? 0) + 1;
  expect(times.every((count) => count === 1)).toBe(true);
});

test('a hundred thousand ranges of bytes', async () => {
  const ranges = Array.from(scattered(100_000, PAGES * 4096 - 5000, 3), (offset, i) => ({ offset, length: i % 5000 }));
  const set = file.getRanges(ranges);
  expect(await set.arrived).toBe(set);
  for (let entry = 0; entry < ranges.length; entry += 997) {
    const { offset, length } = ranges[entry] ?? { offset: 0, length: 0 };
    const bytes = bytesIfThere(set, entry);
    if (bytes) expect(content.subarray(offset, offset + length).equals(bytes)).toBe(true);
  }
});

test('a hundred thousand pages of a hole, each a miss, all arrive', async () => {
  const hole = await open(files.sparse('hole', 8 * GiB));
  const pages = Array.from({ length: 100_000 }, (_, i) => i * 20 + (i % 7));
  const set = hole.getPages(pages);
  expect(set.misses).toBe(100_000);
  expect(await set.arrived).toBe(set);
  expect(hole.stats()).toMatchObject({ inFlight: 0, errors: 0, misses: 100_000 });
  await hole.close();
});

test('many vectors at once over the same pages', async () => {
  const sets = Array.from({ length: 40 }, (_, k) => file.getPages(Array.from(scattered(500, PAGES, k % 4))));
  expect(await Promise.all(sets.map((set) => set.arrived))).toEqual(sets);
});

test('a vector that does not end is refused with LIMIT, and the message names the limit', async () => {
  const endless = {
    *[Symbol.iterator](): Generator<number> {
      for (;;) yield 0;
    },
  };
  expect(() => file.getPages(endless)).toThrow(expect.objectContaining({ code: 'LIMIT', message: expect.stringMatching(/\d/) }));
  expect(await file.getPages([0]).arrived).toHaveLength(1);
});

test('a vector of more bytes than there is memory arrives, though not all of it can stay', async () => {
  const run = { first: 0, count: 4096 };
  const vector = Array.from({ length: 2 * Math.ceil(totalmem() / (4096 * 4096)) }, () => run);
  const set = file.getPages(vector);
  expect(await set.arrived).toBe(set);
  expect(set.complete).toBe(true);
});

test('a vector whose pages lie a gigabyte apart arrives', async () => {
  const hole = await open(files.sparse('wide', TiB));
  const pages = Array.from({ length: 1024 }, (_, i) => [i * 262_144, i * 262_144 + 262_143]).flat();
  const set = hole.getPages(pages);
  expect(await set.arrived).toBe(set);
  await hole.close();
});
