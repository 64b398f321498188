import { type MappedFile, open } from '../../src/index';
import { expectThrown } from '../failures';
import { bytesByRead, evictMapped, LARGEST_ENTRY, MiB, pattern, residentBytesByFincore, TestFiles } from '../files';
import { untilAnswered } from '../reading';

const files = TestFiles.make();
const SIZE = 40 * MiB + 77;
const content = pattern(SIZE);
const path = files.write('file', content);

describe.each(['watch', 'never'] as const)('with trust %s', (trust) => {
  let file: MappedFile;
  beforeEach(async () => {
    file = await open(path, { trust });
  });
  afterEach(() => file.close());

  test('tryPage answers undefined for a page that nobody ever read', async () => {
    const hole = await open(files.sparse(`hole-${trust}`, 64 * MiB), { trust });
    expect(hole.tryPage(0)).toBeUndefined();
    expect(hole.tryPage(16_383)).toBeUndefined();
    expect(hole.tryRange(5_000_000, 10_000)).toBeUndefined();
    await hole.close();
  });

  test('tryPage answers the bytes of a page that has arrived', async () => {
    for (const page of [0, 1, 777, 10_239]) {
      const view = await untilAnswered(
        () => file.tryPage(page),
        () => file.getPages([page]).arrived,
      );
      expect(Buffer.from(view).equals(content.subarray(page * file.pageSize, (page + 1) * file.pageSize))).toBe(true);
    }
  });

  test('tryPage answers for a page that another program has read', async () => {
    const view = await untilAnswered(
      () => file.tryPage(5),
      async () => bytesByRead(path, 5 * 4096, 4096),
    );
    expect(Buffer.from(view).equals(content.subarray(5 * file.pageSize, 6 * file.pageSize))).toBe(true);
  });

  test('the view of the last page ends with the file', async () => {
    const last = file.pageCount - 1;
    const view = await untilAnswered(
      () => file.tryPage(last),
      () => file.getPages([last]).arrived,
    );
    expect(view).toHaveLength(77);
    expect(Buffer.from(view).equals(content.subarray(-77))).toBe(true);
  });

  test('tryRange answers ranges at any alignment, up to 16 MiB', async () => {
    for (const [offset, length] of [
      [0, 1],
      [4095, 2],
      [1_234_567, 300_000],
      [SIZE - 100, 100],
      [3, LARGEST_ENTRY],
      [SIZE - LARGEST_ENTRY, LARGEST_ENTRY],
    ] as const) {
      const view = await untilAnswered(
        () => file.tryRange(offset, length),
        () => file.getRanges([{ offset, length }]).arrived,
      );
      expect(Buffer.from(view).equals(content.subarray(offset, offset + length))).toBe(true);
    }
  });

  test('tryRange refuses more than 16 MiB, and names the limit', () => {
    expectThrown('LIMIT', () => file.tryRange(0, LARGEST_ENTRY + 1), /16 MiB|16,?777,?216/);
  });

  test('tryRange answers undefined where one page of many is missing', async () => {
    const hole = await open(files.sparse(`half-${trust}`, MiB), { trust });
    await hole.getPages([{ first: 0, count: 10 }]).arrived;
    expect(hole.tryRange(0, 10 * hole.pageSize + 1)).toBeUndefined();
    await hole.close();
  });
});

test('a page that has left memory is no longer answered', async () => {
  const small = files.patterned('small', 16 * 4096);
  const file = await open(small, { trust: 'never' });
  const set = file.getPages([{ first: 0, count: 16 }]);
  await set.arrived;
  evictMapped(small, 0, 16);
  if (residentBytesByFincore(small) === 0) {
    // Nobody reads the file now, so what is out stays out.
    expect(file.tryPage(3)).toBeUndefined();
    expect(file.tryRange(100, 60_000)).toBeUndefined();
    expectThrown('NOT_RESIDENT', () => set.bytes(0));
  }
  // Where nothing could be evicted the bytes are right all the same.
  await file.getPages([3]).arrived;
  const view = await untilAnswered(
    () => file.tryPage(3),
    () => file.getPages([3]).arrived,
  );
  expect(Buffer.from(view).equals(bytesByRead(small, 3 * 4096, 4096))).toBe(true);
  await file.close();
});
