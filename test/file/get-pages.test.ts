import { open as openHandle } from 'node:fs/promises';
import { type MappedFile, open, type Run } from '../../src/index';
import { expectThrown } from '../failures';
import { evictUnmapped, LARGEST_ENTRY, MiB, pattern, TestFiles } from '../files';
import { copyOf, untilAnswered } from '../reading';

const files = TestFiles.make();
const SIZE = 96 * MiB + 1234;
const content = pattern(SIZE);
const path = files.write('file', content);
let file: MappedFile;

beforeEach(async () => {
  evictUnmapped(path);
  file = await open(path);
});
afterEach(() => file.close());

/** Asks for the vector and compares each entry with what was written. */
async function expectServed(vector: readonly (number | Run)[]): Promise<void> {
  const set = file.getPages(vector);
  expect(set.length).toBe(vector.length);
  await set.arrived;
  for (const [entry, wanted] of vector.entries()) {
    const { first, count } = typeof wanted === 'number' ? { first: wanted, count: 1 } : wanted;
    const got = await copyOf(set, entry, () => file.getPages([wanted]));
    expect(got.equals(content.subarray(first * file.pageSize, (first + count) * file.pageSize))).toBe(true);
  }
}

test('serves single pages', () => expectServed([0, 1, 100, 24_000, 3, 2]));

test('serves runs, also of one page', () =>
  expectServed([
    { first: 0, count: 1 },
    { first: 17, count: 30 },
    { first: 20_000, count: 1000 },
  ]));

test('serves pages and runs mixed in one vector', () => expectServed([5, { first: 5, count: 3 }, 6, { first: 0, count: 8 }, 23_999]));

test('serves the last page as far as the file goes, alone and at the end of a run', async () => {
  const last = file.pageCount - 1;
  const set = file.getPages([last, { first: last - 2, count: 3 }]);
  expect(await copyOf(set, 0, () => file.getPages([last]))).toHaveLength(SIZE % file.pageSize);
  expect(await copyOf(set, 1, () => file.getPages([{ first: last - 2, count: 3 }]))).toHaveLength(
    2 * file.pageSize + (SIZE % file.pageSize),
  );
  await expectServed([last, { first: last - 2, count: 3 }]);
});

test('takes page numbers as an array, a set, a generator and typed arrays', async () => {
  const pages = [7, 9, 11];
  const generator = (function* () {
    yield* pages;
  })();
  for (const vector of [pages, new Set(pages), generator, Uint32Array.from(pages), Float64Array.from(pages), Uint16Array.from(pages)]) {
    const set = file.getPages(vector);
    expect(set.length).toBe(3);
    await set.arrived;
    expect((await copyOf(set, 2, () => file.getPages([11]))).equals(content.subarray(11 * file.pageSize, 12 * file.pageSize))).toBe(true);
  }
});

test('does not look at the vector again after the call', async () => {
  const pages = Uint32Array.of(30, 31, 32);
  const runs = [{ first: 40, count: 2 }];
  const ofPages = file.getPages(pages);
  const ofRuns = file.getPages(runs);
  pages.fill(0);
  runs[0] = { first: 0, count: 1 };
  expect((await copyOf(ofPages, 1, () => file.getPages([31]))).equals(content.subarray(31 * file.pageSize, 32 * file.pageSize))).toBe(true);
  expect(
    (await copyOf(ofRuns, 0, () => file.getPages([{ first: 40, count: 2 }]))).equals(
      content.subarray(40 * file.pageSize, 42 * file.pageSize),
    ),
  ).toBe(true);
});

test('counts hits and misses, which are all entries together', async () => {
  const set = file.getPages([1, 2, 3, 2, { first: 1, count: 3 }]);
  expect(set.hits + set.misses).toBe(5);
  const hits = [0, 1, 2, 3, 4].filter((entry) => set.isHit(entry));
  expect(hits).toHaveLength(set.hits);
  await set.arrived;
  // What the set found when it was asked stays what it found.
  expect([0, 1, 2, 3, 4].filter((entry) => set.isHit(entry))).toEqual(hits);
  expect(set.hits).toBe(hits.length);
});

test('pages of a hole that nobody ever read are misses, and are zeros when they arrive', async () => {
  const sparse = await open(files.sparse('hole', 64 * MiB));
  const set = sparse.getPages([5, 1000, { first: 2000, count: 16 }]);
  expect({ hits: set.hits, misses: set.misses, complete: set.complete }).toEqual({ hits: 0, misses: 3, complete: false });
  await set.arrived;
  expect(set.complete).toBe(true);
  expect((await copyOf(set, 2, () => sparse.getPages([{ first: 2000, count: 16 }]))).equals(Buffer.alloc(16 * sparse.pageSize))).toBe(true);
  await sparse.close();
});

test('pages that an ordinary read has just brought into memory are hits', async () => {
  const small = await open(files.patterned('small', 8 * 4096));
  // Memory may be reclaimed between any two steps, so a miss now and then is no failure; only misses for ever would be.
  for (;;) {
    files.patterned('small', 8 * 4096);
    const set = small.getPages([0, 1, 2, 3, 4, 5, 6, 7]);
    if (set.hits === 8) {
      expect(set.complete).toBe(true);
      expect([...Array(8).keys()].every((entry) => set.isHit(entry))).toBe(true);
      await set.arrived;
      break;
    }
    await set.arrived;
  }
  await small.close();
});

test('an empty vector is complete at once', async () => {
  const set = file.getPages([]);
  expect({ length: set.length, hits: set.hits, misses: set.misses, complete: set.complete }).toEqual({
    length: 0,
    hits: 0,
    misses: 0,
    complete: true,
  });
  expect(await set.arrived).toBe(set);
  expectThrown('OUT_OF_RANGE', () => set.isHit(0));
  expectThrown('OUT_OF_RANGE', () => set.bytes(0));
});

test('`arrived` is one promise for the set itself', async () => {
  const set = file.getPages([1, 2, 3]);
  const { arrived } = set;
  expect(set.arrived).toBe(arrived);
  expect(await arrived).toBe(set);
  expect(set.arrived).toBe(arrived);
});

describe('the largest entry', () => {
  test('a run of 16 MiB is one view wherever it starts', async () => {
    const count = LARGEST_ENTRY / file.pageSize;
    for (const first of [0, 1, 4095, 4097, 8191, 12_289, file.pageCount - 1 - count]) await expectServed([{ first, count }]);
  });

  test('a run of 16 MiB that ends with the file is one view', async () => {
    const count = LARGEST_ENTRY / file.pageSize;
    const set = file.getPages([{ first: file.pageCount - count, count }]);
    expect(await copyOf(set, 0, () => file.getPages([{ first: file.pageCount - count, count }]))).toHaveLength(
      LARGEST_ENTRY - file.pageSize + (SIZE % file.pageSize),
    );
  });

  test('a run of a page more is refused, and the message names the limit', () => {
    const count = LARGEST_ENTRY / file.pageSize + 1;
    expectThrown('LIMIT', () => file.getPages([{ first: 0, count }]), /16 MiB|16,?777,?216/);
    expectThrown('LIMIT', () => file.getPages([0, { first: 3, count: file.pageCount - 3 }]), /16 MiB|16,?777,?216/);
  });
});

describe('views', () => {
  test('look at the mapping in place: two views of a page show the same memory', async () => {
    const set = file.getPages([10, { first: 8, count: 4 }]);
    await set.arrived;
    const [page, run] = [file.getPages([10]), file.getPages([{ first: 8, count: 4 }])];
    await Promise.all([page.arrived, run.arrived]);
    const one = await copyOf(page, 0, () => file.getPages([10]));
    const other = await copyOf(run, 0, () => file.getPages([{ first: 8, count: 4 }]));
    expect(one.equals(other.subarray(2 * file.pageSize, 3 * file.pageSize))).toBe(true);
  });

  test('cannot be given away: their memory stays with the file', async () => {
    const set = file.getPages([10]);
    await set.arrived;
    const view = await untilAnswered(
      () => file.tryPage(10),
      () => file.getPages([10]).arrived,
    );
    // Some versions of Node throw, others copy; none may take the mapping away.
    try {
      structuredClone(view, { transfer: [view.buffer as ArrayBuffer] });
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' });
    }
    expect(view).toHaveLength(file.pageSize);
    expect(content.subarray(10 * file.pageSize, 11 * file.pageSize).equals(view)).toBe(true);
  });

  test('show what is written into the file afterwards', async () => {
    const changing = files.write('changing', Buffer.alloc(3 * 4096, 'a'));
    const mapped = await open(changing);
    const set = mapped.getPages([1]);
    await set.arrived;
    expect((await copyOf(set, 0, () => mapped.getPages([1])))[0]).toBe(0x61);
    const handle = await openHandle(changing, 'r+');
    await handle.write(Buffer.alloc(4096, 'b'), 0, 4096, 4096);
    await handle.close();
    expect((await copyOf(mapped.getPages([1]), 0, () => mapped.getPages([1])))[0]).toBe(0x62);
    await mapped.close();
  });
});
