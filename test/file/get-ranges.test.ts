import { type ByteRange, type MappedFile, open, type PageSet, type Places } from '../../src/index';
import { expectThrown } from '../failures';
import { evictUnmapped, LARGEST_ENTRY, MiB, pattern, TestFiles } from '../files';
import { copyOf } from '../reading';

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

async function expectServed(ranges: readonly ByteRange[]): Promise<void> {
  const set = file.getRanges(ranges);
  expect(set.length).toBe(ranges.length);
  await set.arrived;
  for (const [entry, range] of ranges.entries()) {
    const got = await copyOf(set, entry, () => file.getRanges([range]));
    expect(got.equals(content.subarray(range.offset, range.offset + range.length))).toBe(true);
  }
}

/** Where the entries of a set lie, which is asked for again when one of them has left memory just then. */
async function placesOf(ask: () => PageSet): Promise<Places> {
  for (;;) {
    const set = await ask().arrived;
    try {
      return set.places();
    } catch (error) {
      expect(error).toMatchObject({ code: 'NOT_RESIDENT' });
    }
  }
}

test('serves bytes at any alignment', () =>
  expectServed([
    { offset: 0, length: 1 },
    { offset: 1, length: 1 },
    { offset: 4095, length: 2 },
    { offset: 4096, length: 4096 },
    { offset: 8191, length: 4098 },
    { offset: 12_345_678, length: 98_765 },
    { offset: SIZE - 1, length: 1 },
    { offset: SIZE - 5000, length: 5000 },
  ]));

test('serves overlapping, repeated and unsorted ranges', () =>
  expectServed([
    { offset: 9000, length: 9000 },
    { offset: 100, length: 9000 },
    { offset: 9000, length: 9000 },
    { offset: 9001, length: 8999 },
  ]));

test('takes ranges as numbers: the offset and the length of each in turn', async () => {
  const ranges = [
    { offset: 8191, length: 4098 },
    { offset: 0, length: 0 },
    { offset: SIZE - 5000, length: 5000 },
  ];
  const set = file.getRanges(Float64Array.from(ranges.flatMap(({ offset, length }) => [offset, length])));
  expect(set.length).toBe(3);
  await set.arrived;
  for (const [entry, range] of ranges.entries()) {
    const got = await copyOf(set, entry, () => file.getRanges([range]));
    expect(got.equals(content.subarray(range.offset, range.offset + range.length))).toBe(true);
  }
});

test('refuses numbers that are no ranges, as it refuses ranges', () => {
  expectThrown('INVALID_ARGUMENT', () => file.getRanges(Float64Array.of(0, 1, 2)), /3 numbers/);
  expectThrown('INVALID_ARGUMENT', () => file.getRanges(Float64Array.of(0.5, 1)), /entry 0's offset.*0\.5/);
  expectThrown('INVALID_ARGUMENT', () => file.getRanges(Float64Array.of(0, 1, 0, Number.NaN)), /entry 1's length.*NaN/);
  expectThrown('OUT_OF_RANGE', () => file.getRanges(Float64Array.of(-1, 1)));
  expectThrown('OUT_OF_RANGE', () => file.getRanges(Float64Array.of(SIZE, 1)));
  expectThrown('LIMIT', () => file.getRanges(Float64Array.of(0, LARGEST_ENTRY + 1)));
});

test('tells where entries lie', async () => {
  // Windows of 32 MiB: three of them, one twice.
  const ranges = [5, 40 * MiB, 70 * MiB + 3, 12_345].map((offset) => ({ offset, length: 5000 }));
  for (const reader of ['loop', 'thread'] as const) {
    const { memory, which, offset } = await placesOf(() => file.getRanges(ranges, { reader }));
    expect(memory).toHaveLength(3);
    expect([...which]).toEqual([0, 1, 2, 0]);
    for (const [entry, range] of ranges.entries()) {
      const bytes = Buffer.from(memory[which[entry] as number] as ArrayBuffer, offset[entry], range.length);
      expect(bytes.equals(content.subarray(range.offset, range.offset + range.length))).toBe(true);
    }
  }
  const { memory, which, offset } = await placesOf(() => file.getPages([9000, 3, 4]));
  for (const [entry, page] of [9000, 3, 4].entries()) {
    const bytes = Buffer.from(memory[which[entry] as number] as ArrayBuffer, offset[entry], 4096);
    expect(bytes.equals(content.subarray(page * 4096, page * 4096 + 4096))).toBe(true);
  }
});

test('tells no place of what has not come, nor of a closed file', async () => {
  const other = await open(path);
  const controller = new AbortController();
  const set = other.getRanges([{ offset: 50 * MiB, length: 100 }], { reader: 'thread', signal: controller.signal });
  controller.abort(new Error('enough'));
  if (set.misses > 0) expect(() => set.places()).toThrow('enough');
  await other.close();
  expectThrown('CLOSED', () => set.places());
});

test('serves empty ranges as empty views, without reading anything', async () => {
  const hole = await open(files.sparse('hole', MiB));
  const set = hole.getRanges([
    { offset: 0, length: 0 },
    { offset: 70_000, length: 0 },
    { offset: MiB, length: 0 },
  ]);
  expect({ hits: set.hits, misses: set.misses, complete: set.complete }).toEqual({ hits: 3, misses: 0, complete: true });
  await set.arrived;
  for (const entry of [0, 1, 2]) expect(set.bytes(entry)).toHaveLength(0);
  expect(hole.stats().bytesFetched).toBe(0);
  await hole.close();
});

test('serves 16 MiB as one view at offsets that touch a page more on each side', async () => {
  for (const offset of [0, 1, 4095, 16 * MiB - 1, 32 * MiB - 1, 32 * MiB + 1, 48 * MiB - 7, 64 * MiB - 4097, SIZE - LARGEST_ENTRY]) {
    await expectServed([{ offset, length: LARGEST_ENTRY }]);
  }
});

test('refuses a byte more, and names the limit', () => {
  expectThrown('LIMIT', () => file.getRanges([{ offset: 0, length: LARGEST_ENTRY + 1 }]), /16 MiB|16,?777,?216/);
  expectThrown('LIMIT', () => file.getRanges([{ offset: 5, length: SIZE - 5 }]), /16 MiB|16,?777,?216/);
});

test('takes any iterable of ranges', async () => {
  const generator = (function* () {
    for (let i = 0; i < 10; i++) yield { offset: i * 1_000_003, length: 100 + i };
  })();
  const set = file.getRanges(generator);
  expect(set.length).toBe(10);
  await set.arrived;
  const got = await copyOf(set, 9, () => file.getRanges([{ offset: 9_000_027, length: 109 }]));
  expect(got.equals(content.subarray(9_000_027, 9_000_136))).toBe(true);
});

test('an empty vector is complete at once', async () => {
  const set = file.getRanges([]);
  expect({ length: set.length, complete: set.complete }).toEqual({ length: 0, complete: true });
  expect(await set.arrived).toBe(set);
});

test('does not read the page behind a range that ends with a page', async () => {
  const hole = await open(files.sparse('second hole', MiB));
  const set = hole.getRanges([{ offset: 8192, length: 4096 }]);
  await set.arrived;
  expect(hole.stats().bytesFetched).toBe(hole.pageSize);
  await hole.close();
});
