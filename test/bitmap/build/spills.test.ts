import { open } from 'node:fs/promises';
import fc from 'fast-check';
import { BadRows } from '../../../src/bitmap/build/bad-rows';
import { Builder, type BuilderOptions } from '../../../src/bitmap/build/builder';
import { createPartial, findPlace, publish } from '../../../src/bitmap/build/output';
import { Pacer } from '../../../src/bitmap/build/pacer';
import { RowsSource } from '../../../src/bitmap/build/source-rows';
import { Spills } from '../../../src/bitmap/build/spills';
import type { RowObject } from '../../../src/index';
import { addon } from '../../../src/native';
import { expectRejected } from '../../failures';
import { TestFiles } from '../../files';
import { readNaively } from './naive-reader';

/*
 * What a build does once memory is used up, with budgets so small that it happens at once: the public face has none.
 */

const files = TestFiles.make();
const out = files.path('spills.idx');

async function build(rows: Iterable<RowObject>, options: BuilderOptions): Promise<void> {
  const pacer = new Pacer(new AbortController().signal);
  const place = await findPlace(Buffer.from(out));
  const source = new RowsSource(rows, pacer, { expected: [], complete: true });
  const to = await createPartial(place);
  try {
    await new Builder(source, new BadRows('the rows', 'fail'), pacer, place, options).build(to);
    await publish(place, to.handle);
  } catch (error) {
    await to.handle.close();
    throw error;
  }
}

/** Values that come back, values that do not, numbers that grow, and nulls here and there. */
function* table(count: number): Generator<RowObject> {
  for (let i = 0; i < count; i++) {
    yield {
      own: i % 20 === 0 ? `own ${i}` : null,
      common: `common ${(i * i) % 97}`,
      number: i % 11 === 0 ? null : (i - 100) * 2 ** Math.floor(i / 40_000),
      rare: i % 50_000 === 7 ? true : null,
    };
  }
}

test.each([
  ['gathered bytes', { gathered: 1, keys: 1e9, keyBytes: 1e9 }],
  ['keys', { gathered: 1e9, keys: 1000, keyBytes: 1e9 }],
  ['bytes of keys', { gathered: 1e9, keys: 1e9, keyBytes: 1000 }],
])('an index of many spills, for too many %s, is the same as one of none', async (_, budget) => {
  const count = 200_000;
  await build(table(count), { budget });
  const index = readNaively(out);
  const rows = [...table(count)];
  for (const name of ['own', 'common', 'number', 'rare']) {
    const wanted = rows.map((row) => (typeof row[name] === 'number' ? BigInt(row[name]) : row[name]));
    expect(index.column(name).cells.findIndex((cell, row) => cell !== wanted[row])).toBe(-1);
  }
  expect(index.column('own').valueCount).toBe(count / 20);
});

test('rows beyond the most that an index can have are refused when they come', async () => {
  await build(table(70_000), { mostRows: 70_000 });
  expect(readNaively(out).rowCount).toBe(70_000);
  await expectRejected('LIMIT', build(table(70_001), { mostRows: 70_000 }), /more than 70000 rows/);
});

test('runs of runs: merged as often as it takes, in the order of their chunks', async () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 });
  const chunk = fc.record({
    texts: fc.array(fc.option(text, { freq: 4 }), { minLength: 1, maxLength: 20 }),
    scale: fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 57n),
    spilled: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { minLength: 1, maxLength: 300, size: 'max' }), async (chunks) => {
      const native = new (addon().Build)(Uint8Array.of(1, 2));
      const scratch = async () => ({ handle: await open(files.path(`scratch ${Math.random()}`), 'wx+'), device: 1 });
      const spills = new Spills(native, 2, scratch);
      const to = await open(out, 'w+');
      const expected = new Map<string, number[]>();
      const numbers = new Map<number, bigint>();
      let known: string[] = [];
      for (const [i, { texts, scale, spilled }] of chunks.entries()) {
        const fresh: string[] = [];
        const ids = texts.map((value, row) => {
          if (value === null) return 0;
          expected.set(value, [...(expected.get(value) ?? []), i * 65_536 + row]);
          const all = [...known, ...fresh];
          if (!all.includes(value)) fresh.push(value);
          return [...known, ...fresh].indexOf(value) + 1;
        });
        known = [...known, ...fresh];
        const bytes = fresh.map((value) => Buffer.from(value));
        let end = 0;
        const ends = Uint32Array.from(bytes, ({ length }) => (end += length));
        const values = BigInt64Array.from(texts, (value, row) => (value === null ? 0n : BigInt(row - 7) * scale));
        for (const [row, value] of values.entries()) if (texts[row] !== null) numbers.set(i * 65_536 + row, value);
        await Promise.all([
          native.addValues(0, i, Uint32Array.from(ids), Buffer.concat(bytes), ends),
          native.addNumbers(
            1,
            i,
            values,
            Uint8Array.from(texts, (value) => (value === null ? 1 : 0)),
          ),
        ]);
        if (!spilled) continue;
        await spills.add();
        known = [];
      }
      await spills.add();
      const first = await spills.writeColumn(0, to.fd, 1, 4096);
      const second = await spills.writeColumn(1, to.fd, 1, first.end);
      await spills.close();
      const found = await readBitmaps(to, first, second);
      await to.close();
      expect(found.values).toEqual([...expected].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
      // Where no row is null it is not said which there are, and a zero is in no slice.
      expect([...numbers.keys()].map((row) => [row, found.numbers.get(row) ?? 0n])).toEqual([...numbers]);
      expect([...found.numbers.keys()].every((row) => numbers.has(row))).toBe(true);
    }),
    { numRuns: 15 },
  );
});

type Place = Awaited<ReturnType<Spills['writeColumn']>>;

/** The rows of each value, and the number of each row, straight from the leaves and slices. */
async function readBitmaps(
  file: Awaited<ReturnType<typeof open>>,
  values: Place,
  numbers: Place,
): Promise<{ values: [string, number[]][]; numbers: Map<number, bigint> }> {
  const { RoaringBitmap32 } = await import('roaring');
  const rowsAt = async (offset: number, length: number): Promise<number[]> => {
    if (length === 0) return [];
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, offset);
    return [...RoaringBitmap32.deserialize(bytes, 'portable')];
  };
  const found: [string, number[]][] = [];
  for (let leaf = 0; leaf < values.leafCount; leaf++) {
    const block = Buffer.alloc(4096);
    await file.read(block, 0, 4096, values.firstLeaf + leaf * 4096);
    for (let i = 0; i < block.readUInt16LE(6); i++) {
      const entry = block.readUInt16LE(8 + 2 * i);
      const key = block.toString('utf8', entry + 26, entry + 26 + block.readUInt16LE(entry + 24));
      found.push([key, await rowsAt(Number(block.readBigUInt64LE(entry)), block.readUInt32LE(entry + 8))]);
    }
  }
  const sums = new Map<number, bigint>();
  for (const row of await rowsAt(numbers.existing.offset, numbers.existing.length)) sums.set(row, 0n);
  for (const [slice, { offset, length }] of numbers.bits.entries()) {
    const weight = slice === numbers.bits.length - 1 ? -(1n << BigInt(slice)) : 1n << BigInt(slice);
    for (const row of await rowsAt(offset, length)) sums.set(row, (sums.get(row) ?? 0n) + weight);
  }
  return { values: found, numbers: sums };
}
