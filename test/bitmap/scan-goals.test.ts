import { RoaringBitmap32 } from 'roaring';
import type { BitmapRef } from '../../src/bitmap/format';
import { Scanner } from '../../src/bitmap/scanner';
import type { Tree } from '../../src/bitmap/tree';
import { type MappedFile, open } from '../../src/index';
import { expectRejected, expectThrown } from '../failures';
import { evictUnmapped, TestFiles } from '../files';
import { untilAnswered } from '../reading';
import { bitmapOf, FILLS, type Fill, Random, writeBitmaps } from './bitmap-file';

const files = TestFiles.make();
const CHUNKS = 12;
const ROWS = CHUNKS * 65_536 - 1000;
const random = new Random(7);
const fills: Fill[][] = Array.from({ length: 5 }, () => Array.from({ length: CHUNKS }, () => random.pick(FILLS)));
const bitmaps = fills.map((each) => bitmapOf(each, ROWS, random));
const path = files.path('bitmaps');
const refs = writeBitmaps(path, bitmaps) as [BitmapRef, BitmapRef, BitmapRef, BitmapRef, BitmapRef];
const [a, b] = refs.map((ref): Tree => ({ kind: 'bitmap', ref })) as [Tree, Tree];
const [A, B] = bitmaps as [RoaringBitmap32, RoaringBitmap32];
const BOTH: Tree = { kind: 'and', parts: [a, b] };
let file: MappedFile;
let scanner: Scanner;

beforeEach(async () => {
  file = await open(path);
  scanner = new Scanner(file, ROWS);
});
afterEach(async () => {
  await scanner.close();
  await file.close();
});

describe('tryCount', () => {
  test('answers at once when everything is in memory', async () => {
    const now = await untilAnswered(
      () => scanner.tryCount(BOTH),
      () => scanner.count(BOTH),
    );
    expect(now).toBe(A.andCardinality(B));
  });

  test('has no answer when the bitmaps are on the disk, and reads nothing', () => {
    evictUnmapped(path);
    expect(scanner.tryCount(BOTH)).toBeUndefined();
    expect(file.stats()).toMatchObject({ inFlight: 0, bytesFetched: 0 });
  });

  test('needs no bitmap for what its reference says', () => {
    evictUnmapped(path);
    expect(scanner.tryCount(a)).toBe(A.size);
    expect(scanner.tryCount({ kind: 'all' })).toBe(ROWS);
    expect(scanner.tryCount({ kind: 'and', parts: [a, { kind: 'none' }] })).toBe(0);
  });
});

describe('rows', () => {
  test('gives the lowest ones up to a limit', async () => {
    const right = RoaringBitmap32.or(A, B).toUint32Array();
    for (const limit of [0, 1, 2, 65_535, 65_536, 65_537, 200_000, right.length, right.length + 1]) {
      const rows: number[] = [];
      for await (const batch of scanner.rows({ kind: 'or', parts: [a, b] }, { limit })) for (const row of batch) rows.push(row);
      expect(rows.length).toBe(Math.min(limit, right.length));
      expect(rows.every((row, i) => row === right[i])).toBe(true);
    }
  });

  test('who stops taking them leaves nothing behind', async () => {
    for await (const batch of scanner.rows({ kind: 'or', parts: [a, b] })) {
      expect(batch.length).toBeGreaterThan(0);
      break;
    }
    expect(file.stats().inFlight).toBe(0);
  });

  test('reading goes ahead by a bounded number of steps only', async () => {
    // 512 chunks of bitsets are 4 MiB each: 40 MiB of which at most some steps may be read before anybody takes them.
    const wide = files.path('wide');
    const bits = new Uint8Array(8192).fill(0x55);
    const chunks = 5000;
    const header = Buffer.alloc(8 + 8 * chunks);
    header.writeUInt32LE(12_346, 0);
    header.writeUInt32LE(chunks, 4);
    for (let i = 0; i < chunks; i++) {
      header.writeUInt16LE(i, 8 + 4 * i);
      header.writeUInt16LE(32_767, 10 + 4 * i);
      header.writeUInt32LE(header.length + 8192 * i, 8 + 4 * chunks + 4 * i);
    }
    files.write('wide', Buffer.concat([header, ...Array.from({ length: chunks }, () => bits)]));
    const ref = { offset: 0, length: header.length + 8192 * chunks, cardinality: 32_768 * chunks, containers: chunks, checksum: 0 };
    evictUnmapped(wide);
    const other = await open(wide);
    const scan = new Scanner(other, chunks * 65_536);
    const iterator = scan.rows({ kind: 'bitmap', ref })[Symbol.asyncIterator]();
    const first = await iterator.next();
    expect((first.value as Uint32Array)[0]).toBe(0);
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(other.stats().bytesFetched).toBeLessThan(header.length + 20 * 2 ** 20);
    await iterator.return?.(undefined);
    await scan.close();
    await other.close();
  });
});

describe('counts', () => {
  test('counts the rows that each of several bitmaps has', async () => {
    const where = RoaringBitmap32.or(A, B);
    const right = bitmaps.map((bitmap) => where.andCardinality(bitmap));
    expect(await scanner.counts({ kind: 'or', parts: [a, b] }, refs)).toEqual(right);
  });

  test('counts them in all rows and in none', async () => {
    expect(await scanner.counts({ kind: 'all' }, refs)).toEqual(bitmaps.map(({ size }) => size));
    expect(await scanner.counts({ kind: 'none' }, refs)).toEqual(refs.map(() => 0));
    const rest: Tree = { kind: 'minus', from: { kind: 'all' }, what: a };
    const right = bitmaps.map((bitmap) => bitmap.andNotCardinality(A));
    expect(await scanner.counts(rest, refs)).toEqual(right);
  });
});

describe('extreme', () => {
  test.each([1, 2, 7, 20, 64])('finds the least and the greatest number of %d digits', async (digits) => {
    const rows = 65_536 + 4321;
    const numbers = Array.from({ length: rows }, () =>
      BigInt.asIntN(digits, BigInt(random.below(2 ** 32)) * BigInt(random.below(2 ** 32)) * 13n),
    );
    const slices = Array.from({ length: digits }, (_, digit) => {
      const slice = new RoaringBitmap32();
      for (const [row, number] of numbers.entries()) if ((number >> BigInt(digit)) & 1n) slice.add(row);
      return slice;
    });
    const some = bitmapOf(['few', 'dense'], rows, random);
    const name = files.path(`numbers ${digits}`);
    const [where, ...digitRefs] = writeBitmaps(name, [some, ...slices]) as [BitmapRef, ...BitmapRef[]];
    const other = await open(name);
    const scan = new Scanner(other, rows);
    for (const [tree, taken] of [
      [{ kind: 'bitmap', ref: where }, some.toArray()],
      [{ kind: 'all' }, [...numbers.keys()]],
    ] as [Tree, number[]][]) {
      let [least, greatest] = [numbers[taken[0] as number] as bigint, numbers[taken[0] as number] as bigint];
      for (const row of taken) {
        const number = numbers[row] as bigint;
        if (number < least) least = number;
        if (number > greatest) greatest = number;
      }
      expect(await scan.extreme(tree, digitRefs, 'min')).toBe(least);
      expect(await scan.extreme(tree, digitRefs, 'max')).toBe(greatest);
    }
    expect(await scan.extreme({ kind: 'none' }, digitRefs, 'max')).toBeUndefined();
    await scan.close();
    await other.close();
  });
});

describe('plan', () => {
  test('says what is read, and what of that is missing', async () => {
    evictUnmapped(path);
    const plan = await scanner.plan(BOTH);
    expect(plan.bitmaps).toBe(2);
    const shared = fills[0]?.filter((fill, i) => fill !== 'absent' && fills[1]?.[i] !== 'absent').length ?? 0;
    expect(plan.chunks).toBeLessThanOrEqual(shared);
    expect(plan.containersRead + plan.containersSkipped).toBe((refs[0].containers as number) + refs[1].containers);
    expect(plan.pages).toBe(plan.residentPages + plan.missingPages);
    expect(plan.missingPages).toBeGreaterThan(0);
    const before = file.stats().bytesFetched;
    await scanner.count(BOTH);
    expect(file.stats().bytesFetched - before).toBeLessThanOrEqual(plan.bytes);
    expect(plan.steps.reduce((chunks, step) => chunks + step.chunks, 0)).toBe(plan.chunks);
  });

  test('nothing is read for what the references tell', async () => {
    expect(await scanner.plan(a)).toMatchObject({ pages: 0, bitmaps: 0, chunks: 0, steps: [] });
  });
});

describe('check', () => {
  test('is content with bitmaps as they are written', async () => {
    for (const ref of refs) await scanner.check(ref);
  });

  test('finds a bit that was flipped, wherever it is', async () => {
    const { readFileSync } = await import('node:fs');
    const content = readFileSync(path);
    for (let i = 0; i < 20; i++) {
      const ref = random.pick(refs);
      const changed = Buffer.from(content);
      const at = ref.offset + random.below(ref.length);
      changed[at] = (changed[at] as number) ^ (1 << random.below(8));
      const other = await open(files.write(`flipped ${i}`, changed));
      const scan = new Scanner(other, ROWS);
      const error = await expectRejected('BAD_FORMAT', scan.check(ref));
      expect(error.offset).toBeGreaterThanOrEqual(ref.offset);
      expect(error.offset).toBeLessThanOrEqual(ref.offset + ref.length);
      await scan.close();
      await other.close();
    }
  });
});

describe('ending', () => {
  test('a signal ends what it was given to, with its reason', async () => {
    evictUnmapped(path);
    const reason = new Error('enough');
    const controller = new AbortController();
    const { signal } = controller;
    const under = [
      scanner.count(BOTH, { signal }),
      scanner.bitmap(BOTH, { signal }),
      scanner.counts(a, refs, { signal }),
      scanner.check(refs[0], { signal }),
      (async () => {
        for await (const _ of scanner.rows(BOTH, { signal }));
      })(),
    ];
    controller.abort(reason);
    for (const promise of under) await expect(promise).rejects.toBe(reason);
    await expect(scanner.count(BOTH, { signal })).rejects.toBe(reason);
    expect(await scanner.count(BOTH)).toBe(A.andCardinality(B));
  });

  test('closing ends everything with CLOSED, and the file can be closed after it', async () => {
    evictUnmapped(path);
    const under = [scanner.count(BOTH), scanner.bitmap({ kind: 'or', parts: [a, b] }), scanner.check(refs[1])];
    for (const promise of under) promise.catch(() => {});
    await new Promise(setImmediate);
    await scanner.close();
    await file.close();
    const outcomes = await Promise.allSettled(under);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'CLOSED' });
    }
    await expectRejected('CLOSED', scanner.count(BOTH));
    expectThrown('CLOSED', () => scanner.tryCount(BOTH));
  });
});

test('a tree that is nested too deeply is refused', async () => {
  let tree: Tree = a;
  for (let depth = 0; depth < 300; depth++) tree = { kind: 'minus', from: { kind: 'all' }, what: tree };
  await expectRejected('LIMIT', scanner.count(tree));
});
