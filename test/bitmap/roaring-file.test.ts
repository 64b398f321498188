import { RoaringBitmap32 } from 'roaring';
import { openRoaring, type RoaringFile } from '../../src/index';
import { expectRejected, expectThrown } from '../failures';
import { evictMapped, TestFiles } from '../files';
import { untilAnswered } from '../reading';
import { bitmapOf, FILLS, Random } from './bitmap-file';

const files = TestFiles.make();
const random = new Random(9);
const rows = 3 * FILLS.length * 65_536;

function shuffled(): (typeof FILLS)[number][] {
  return Array.from({ length: 3 * FILLS.length }, () => random.pick(FILLS));
}

/** The bitmap as a file, with bytes before and behind it. */
function written(name: string, bitmap: RoaringBitmap32, before = 0, behind = 0): { path: string; offset: number; length: number } {
  const bytes = bitmap.serialize('portable');
  const path = files.write(name, Buffer.concat([Buffer.alloc(before, 0xaa), bytes, Buffer.alloc(behind, 0xbb)]));
  return { path, offset: before, length: bytes.length };
}

const A = bitmapOf(shuffled(), rows, random);
const B = bitmapOf(shuffled(), rows, random);
B.runOptimize();
let a: RoaringFile;
let b: RoaringFile;
const atA = written('a', A);
const atB = written('b', B, 4099, 333);

beforeEach(async () => {
  a = await openRoaring(atA.path);
  b = await openRoaring(atB.path, { offset: atB.offset, length: atB.length });
});
afterEach(async () => {
  await a.close();
  await b.close();
});

test('knows its cardinality', () => {
  expect(a.cardinality).toBe(A.size);
  expect(b.cardinality).toBe(B.size);
});

test('says whether it has a value', async () => {
  const values = Array.from({ length: 300 }, () => random.below(rows + 65_536));
  for (const [chunk] of FILLS.entries()) values.push(chunk * 65_536, chunk * 65_536 + 65_535, A.at(chunk * 7) ?? 0, B.at(chunk * 999) ?? 0);
  for (const value of [...values, 2 ** 32 - 1]) {
    expect([value, await a.has(value)]).toEqual([value, A.has(value)]);
    expect([value, await b.has(value)]).toEqual([value, B.has(value)]);
    const now = await untilAnswered(
      () => b.tryHas(value),
      () => b.has(value),
    );
    expect(now).toBe(B.has(value));
  }
});

test('tryHas has no answer while the bitmap is on the disk, and reads nothing', async () => {
  // Bitsets: no header tells what is in them.
  const bitmap = new RoaringBitmap32(Array.from({ length: 600_000 }, (_, i) => 3 * i));
  const one = written('cold', bitmap);
  const cold = await openRoaring(one.path);
  const evicted = evictMapped(one.path, 0, Math.floor(one.length / 4096));
  if (evicted) expect(cold.tryHas(900_000)).toBeUndefined();
  expect(await cold.has(900_000)).toBe(true);
  expect(await cold.has(900_001)).toBe(false);
  await cold.close();
});

test('counts what two files have in common, and together', async () => {
  expect(await a.andCount(b)).toBe(A.andCardinality(B));
  expect(await b.andCount(a)).toBe(A.andCardinality(B));
  expect(await a.orCount(b)).toBe(RoaringBitmap32.or(A, B).size);
  expect(await a.andCount(a)).toBe(A.size);
  expect(await a.orCount(a)).toBe(A.size);
});

test('two bitmaps of one file are counted as well', async () => {
  const bytes = [A, B].map((bitmap) => bitmap.serialize('portable')) as [Buffer, Buffer];
  const path = files.write('both', Buffer.concat(bytes));
  const one = await openRoaring(path, { offset: 0, length: bytes[0].length });
  const other = await openRoaring(path, { offset: bytes[0].length });
  expect(await one.andCount(other)).toBe(A.andCardinality(B));
  await one.close();
  await other.close();
});

test('gives its values, ascending', async () => {
  for (const [bitmap, right] of [
    [a, A],
    [b, B],
  ] as const) {
    const values: number[] = [];
    for await (const batch of bitmap.values()) for (const value of batch) values.push(value);
    const all = right.toUint32Array();
    expect(values.length).toBe(all.length);
    expect(values.every((value, i) => value === all[i])).toBe(true);
  }
});

test('small bitmaps of every kind are read', async () => {
  const kinds = [
    [],
    [0],
    [2 ** 32 - 1],
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    [65_535, 65_536],
    Array.from({ length: 70_000 }, (_, i) => i + 5),
  ];
  for (const [i, values] of kinds.entries()) {
    for (const runs of [false, true]) {
      const bitmap = new RoaringBitmap32(values);
      if (runs) bitmap.runOptimize();
      const one = written(`small ${i}`, bitmap, 3);
      const small = await openRoaring(one.path, { offset: 3 });
      expect(small.cardinality).toBe(values.length);
      const got: number[] = [];
      for await (const batch of small.values()) got.push(...batch);
      expect(got).toEqual(values);
      for (const value of [0, 1, 65_535, 65_536, 2 ** 32 - 1]) expect(await small.has(value)).toBe(bitmap.has(value));
      await small.close();
    }
  }
});

test('what is no bitmap is BAD_FORMAT', async () => {
  await expectRejected('BAD_FORMAT', openRoaring(files.write('text', 'this is some text and no bitmap at all')));
  await expectRejected('BAD_FORMAT', openRoaring(files.write('short', 'abc')));
  await expectRejected('BAD_FORMAT', openRoaring(files.write('empty', '')));
  const cut = A.serialize('portable');
  await expectRejected('BAD_FORMAT', openRoaring(files.write('cut', cut.subarray(0, cut.length - 5000))));
  await expectRejected('BAD_FORMAT', openRoaring(files.write('cut in its header', cut.subarray(0, 20))));
  const error = await expectRejected('BAD_FORMAT', openRoaring(atB.path, { offset: atB.offset + 1 }));
  expect(error.offset).toBe(atB.offset + 1);
});

test('wrong arguments are told', async () => {
  await expectRejected('INVALID_ARGUMENT', openRoaring(atA.path, { offset: -1 }));
  await expectRejected('INVALID_ARGUMENT', openRoaring(atA.path, { length: 1.5 }));
  await expectRejected('OUT_OF_RANGE', openRoaring(atA.path, { offset: 10, length: atA.length }));
  expectThrown('INVALID_ARGUMENT', () => a.tryHas(-1));
  await expectRejected('INVALID_ARGUMENT', a.has(2 ** 32));
  await expectRejected('INVALID_ARGUMENT', a.andCount({} as RoaringFile));
});

test('after it is closed everything is CLOSED', async () => {
  await a.close();
  await a.close();
  await expectRejected('CLOSED', a.has(1));
  expectThrown('CLOSED', () => a.tryHas(1));
  expectThrown('CLOSED', () => a.values());
  await expectRejected('CLOSED', a.andCount(b));
  await expectRejected('CLOSED', b.andCount(a));
});

test('a signal ends a question with its reason', async () => {
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  await expect(a.andCount(b, { signal })).rejects.toBe(reason);
  await expect(a.has(A.at(5) ?? 0, { signal })).rejects.toBe(reason);
});
