import { copyFileSync, readFileSync, renameSync } from 'node:fs';
import fc from 'fast-check';
import { RoaringBitmap32 } from 'roaring';
import { type BitmapIndex, type Expression, openIndex } from '../../src/index';
import { expectRejected, expectThrown } from '../failures';
import { evictUnmapped, TestFiles } from '../files';
import { expressions, tables, textOf } from './expressions';
import { FLIGHTS, writeFlights } from './flights';
import { type TableColumn, writeIndex } from './index-file';
import { naiveRows } from './naive';

const files = TestFiles.make();

async function rowsOf(index: BitmapIndex, where: Expression | string, limit?: number): Promise<number[]> {
  const rows: number[] = [];
  for await (const batch of index.rows(where, limit === undefined ? {} : { limit })) {
    expect(batch.length).toBeGreaterThan(0);
    for (const row of batch) rows.push(row);
  }
  return rows;
}

/** The same table with empty rows in between, so that its rows lie in many chunks. */
function spread(table: readonly TableColumn[], step: number): TableColumn[] {
  return table.map((column) => ({
    ...column,
    values: column.values.flatMap((value, row) => (row === 0 ? [value] : [...new Array<null>(step - 1).fill(null), value])),
  }));
}

describe('queries', () => {
  let index: BitmapIndex;
  beforeAll(async () => {
    index = await openIndex(writeFlights(files.path('flights')));
  });
  afterAll(() => index.close());

  test.each<[string, number[]]>([
    ["origin = 'SEA'", [0, 2, 5]],
    ["origin <> 'SEA'", [1, 4, 6, 7]],
    ["not origin = 'SEA'", [1, 4, 6, 7]],
    ["origin = 'SEA' or not origin = 'SEA'", [0, 1, 2, 4, 5, 6, 7]],
    ['origin is null', [3]],
    ['not (origin is null)', [0, 1, 2, 4, 5, 6, 7]],
    ["origin = 'O''Hare'", [6]],
    ["origin > 'SEA'", [1, 7]],
    ["origin = 'Zürich'", [7]],
    ["origin = 'zürich'", []],
    ["origin = 'SEA' and delay > 60 and not (destination in ('FSO', 'LAX'))".replace('destination', 'origin'), [0, 5]],
    ['delay > 60', [0, 4, 5]],
    ['delay >= -5 AND delay <= 7', [1, 3, 7]],
    ['delay between -5 and 7', [1, 3, 7]],
    ['delay not between -5 and 7', [0, 4, 5, 6]],
    ['delay in (61, 0, 1e2, 200.0)', [0, 3, 4, 5]],
    ['delay = 61.5', []],
    ['delay < 61.5 and delay > 60.99', [0, 4]],
    ['delay > 1e30', []],
    ['delay < 1e30', [0, 1, 3, 4, 5, 6, 7]],
    ['delay > -99999999999999999999999999', [0, 1, 3, 4, 5, 6, 7]],
    ['not delay > 1e999999999', [0, 1, 3, 4, 5, 6, 7]],
    ['price = 12.5', [0, 7]],
    ['price = 12.50', [0, 7]],
    ['price = 1', [1]],
    ['price < 0.99', [4, 5]],
    ['price <= .991', [2, 4, 5]],
    ['price = 0.991', []],
    ["date = '2001-01-02'", [1, 2, 6]],
    ["date < '1970-01-01'", [5]],
    ["date between '2000-02-29' and '2001-01-01'", [0, 3]],
    ['cancelled = true', [2, 5]],
    ['cancelled <> TRUE', [0, 1, 4, 6, 7]],
    ['"is null" >= 7', [6, 7]],
    ['"is null" is null', []],
    ['"is null" in ()', []],
    ['not "is null" in ()', [0, 1, 2, 3, 4, 5, 6, 7]],
  ])('%s', async (where, expected) => {
    expect(await rowsOf(index, where)).toEqual(expected);
    expect(await index.count(where)).toBe(expected.length);
    expect(await rowsOf(index, where, 2)).toEqual(expected.slice(0, 2));
    expect(RoaringBitmap32.deserialize(await index.bitmap(where), 'portable').toArray()).toEqual(expected);
    // Asked again it may be answered at once; memory may be reclaimed at any moment, so it need not.
    expect([undefined, expected.length]).toContain(index.tryCount(where));
  });

  test('a number is compared as it was written, a bigint whatever its size', async () => {
    expect(await rowsOf(index, { eq: ['delay', 61n] })).toEqual([0, 4]);
    expect(await rowsOf(index, { eq: ['delay', -0] })).toEqual([3]);
    expect(await rowsOf(index, { eq: ['price', 0.05] })).toEqual([4]);
    expect(await rowsOf(index, { range: ['price', { gt: 1n, lt: 2n ** 80n }] })).toEqual([0, 6, 7]);
    expect(await rowsOf(index, { eq: ['date', new Date('2001-01-02')] })).toEqual([1, 2, 6]);
  });

  test('sums, least and greatest values are integers on the scale of the column', async () => {
    expect(await index.sum('delay')).toBe(312n);
    expect(await index.sum('delay', "origin = 'SEA'")).toBe(261n);
    expect(await index.sum('price', 'price > 12')).toBe(12_500n);
    expect(await index.sum('is null', 'delay > 60')).toBe(12n);
    expect(await index.sum('delay', 'delay > 1000')).toBe(0n);
    expect([await index.min('delay'), await index.max('delay')]).toEqual([-12n, 200n]);
    expect([await index.min('price', "origin = 'SEA'"), await index.max('price', "origin = 'SEA'")]).toEqual([-5n, 1250n]);
    expect([await index.min('date', 'delay > 60'), await index.max('date', 'delay > 60')]).toEqual([-1n, 11_687n]);
    expect([await index.min('delay', 'delay is null'), await index.max('is null', 'delay > 1000')]).toEqual([undefined, undefined]);
    await expectRejected('BAD_EXPRESSION', index.sum('origin'), /type string: only integers, decimals and dates/);
    await expectRejected('BAD_EXPRESSION', index.min('dely'), /did you mean "delay"/);
    expectThrown('INVALID_ARGUMENT', () => index.max(5 as unknown as string));
  });

  test('a plan adds up', async () => {
    const plan = await index.explain("origin = 'SEA' and delay > 60");
    expect(plan.pages).toBe(plan.residentPages + plan.missingPages);
    expect(plan.bytes).toBe(plan.residentBytes + plan.missingBytes);
    expect(plan.bitmaps).toBeGreaterThan(1);
    expect(plan.containersRead).toBeGreaterThan(0);
    expect(plan.chunks).toBe(1);
    await expectRejected('BAD_EXPRESSION', index.explain('delay ='));
  });

  test('an index that is whole is verified', async () => {
    await index.verify();
  });

  test('a signal cancels with its reason', async () => {
    const reason = new Error('never mind');
    const signal = AbortSignal.abort(reason);
    await expect(index.count('delay > 60', { signal })).rejects.toBe(reason);
    await expect(index.sum('delay', 'delay > 60', { signal })).rejects.toBe(reason);
    await expect(index.verify({ signal })).rejects.toBe(reason);
    const rows = index.rows('delay > 60', { signal })[Symbol.asyncIterator]();
    await expect(rows.next()).rejects.toBe(reason);
  });
});

test('any expression over any table: rows, count, bitmap, sum and extremes are those of a look at each row', async () => {
  await fc.assert(
    fc.asyncProperty(
      tables,
      fc.array(expressions, { minLength: 1, maxLength: 3 }),
      fc.constantFrom(1, 2000),
      async (table, wheres, step) => {
        const wide = spread(table, step);
        const path = writeIndex(files.path('random'), wide, { entriesInABlock: 3 });
        const rowCount = wide[0]?.values.length ?? 0;
        // Before it is opened: what is mapped is not dropped.
        if (rowCount % 2 === 1) evictUnmapped(path);
        await using index = await openIndex(path);
        for (const where of wheres) {
          const expected = naiveRows(where, wide, rowCount);
          const text = textOf(where) ?? where;
          expect(await index.count(where)).toBe(expected.length);
          expect(await rowsOf(index, text)).toEqual(expected);
          expect(RoaringBitmap32.deserialize(await index.bitmap(where), 'portable').toArray()).toEqual(expected);
          for (const { name, type, values } of wide) {
            if (type === 'string' || type === 'boolean') continue;
            const numbers = expected.map((row) => values[row]).filter((value) => typeof value === 'bigint');
            const sorted = numbers.toSorted((a, b) => Number(a - b));
            expect(await index.sum(name, where)).toBe(numbers.reduce((a, b) => a + b, 0n));
            expect(await index.min(name, text)).toBe(sorted[0]);
            expect(await index.max(name, text)).toBe(sorted.at(-1));
          }
        }
        await index.verify();
      },
    ),
    { numRuns: 30 },
  );
});

test('a list of a hundred thousand values works, as an object and as a text, over values and over numbers', async () => {
  const values = Array.from({ length: 20_000 }, (_, row) => BigInt(row * 3));
  const path = writeIndex(files.path('many'), [
    { name: 'key', kind: 'values', type: 'integer', values },
    { name: 'number', kind: 'numbers', type: 'integer', values },
  ]);
  await using index = await openIndex(path);
  const list = Array.from({ length: 100_000 }, (_, i) => i);
  const expected = values.length;
  expect(await index.count({ in: ['key', list] })).toBe(expected);
  expect(await index.count(`key in (${list.join(',')})`)).toBe(expected);
  expect(await index.count({ in: ['number', list.map((i) => i * 2)] })).toBe(expected / 2);
  expect(await index.count('key between 3000 and 50000')).toBe(15_667);
  expect(await index.count('key > 10')).toBe(expected - 4);
});

describe('an index that is built anew', () => {
  const one = (): string => writeIndex(files.path('one'), FLIGHTS);
  const other = (): string =>
    writeIndex(files.path('other'), [{ name: 'delay', kind: 'numbers', type: 'integer', values: [1n, 2n, 100n] }]);

  test('is read after refresh, and the old one by whatever has begun', async () => {
    const path = files.path('current');
    copyFileSync(one(), path);
    await using index = await openIndex(path);
    expect(await index.refresh()).toBe(false);
    const rows = index.rows('delay > 60')[Symbol.asyncIterator]();
    const first = rows.next();
    renameSync(other(), path);
    expect(await index.count('delay > 60')).toBe(3);
    expect(await index.refresh()).toBe(true);
    expect(index.rowCount).toBe(3);
    expect(index.columns.map(({ name }) => name)).toEqual(['delay']);
    expect(await index.count('delay > 60')).toBe(1);
    expect([...((await first).value as Uint32Array)]).toEqual([0, 4, 5]);
    expect((await rows.next()).done).toBe(true);
    expect(await index.refresh()).toBe(false);
  });

  test('that cannot be read leaves the old one in use', async () => {
    const path = files.path('current');
    copyFileSync(one(), path);
    await using index = await openIndex(path);
    renameSync(files.write('broken', 'nothing of the kind'), path);
    await expectRejected('BAD_FORMAT', index.refresh());
    expect(await index.count('delay > 60')).toBe(3);
    renameSync(other(), path);
    expect(await index.refresh()).toBe(true);
    expect(await index.count('delay > 60')).toBe(1);
  });
});

test('after close everything is CLOSED, also what had begun', async () => {
  const index = await openIndex(writeFlights(files.path('closing')));
  const begun = [index.count('delay > 60'), index.sum('delay', 'price > 1'), index.verify()].map((promise) =>
    promise.then(
      () => undefined,
      (error: { code: string }) => error.code,
    ),
  );
  const closing = index.close();
  for (const code of await Promise.all(begun)) expect([undefined, 'CLOSED']).toContain(code);
  await closing;
  await index.close();
  expectThrown('CLOSED', () => index.tryCount('delay > 60'));
  const where = 'delay > 60';
  for (const promise of [
    index.count(where),
    index.bitmap(where),
    index.sum('delay'),
    index.explain(where),
    index.verify(),
    index.refresh(),
  ]) {
    await expectRejected('CLOSED', promise, /closing is closed/);
  }
  await expectRejected('CLOSED', index.rows(where)[Symbol.asyncIterator]().next());
});

test('verify finds a flipped bit wherever something stands', async () => {
  const bytes = readFileSync(writeFlights(files.path('flights')));
  for (let at = 4096; at < bytes.length; at += 11) {
    // What belongs to nothing is 0.
    while (bytes[at] === 0) at++;
    const bad = Buffer.from(bytes);
    bad[at] = (bad[at] as number) ^ 16;
    await expectRejected('BAD_FORMAT', openAndVerify(files.write('bad', bad)));
  }
});

async function openAndVerify(path: string): Promise<void> {
  await using index = await openIndex(path);
  await index.verify();
}
