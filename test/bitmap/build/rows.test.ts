import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { type BuildProgress, buildIndex, type RowObject } from '../../../src/index';
import { expectRejected, expectThrown } from '../../failures';
import { TestFiles } from '../../files';
import { readNaively } from './naive-reader';

const files = TestFiles.make();
const out = files.path('rows.idx');
const day = (text: string): bigint => BigInt(Date.parse(text) / 86_400_000);

describe('an iterable of rows', () => {
  test('becomes an index that has what the rows had', async () => {
    const rows: RowObject[] = [
      { city: 'Wien', big: 2n ** 62n, delay: -3, price: 1.25, on: true, day: new Date('2001-01-31T23:59:59.999Z') },
      { city: null, big: -(2n ** 63n), delay: 0, price: -0.5, on: false, day: new Date('1969-12-31T23:59:59.999Z') },
      { city: 'Ångström ü 😀', delay: 7, on: null, day: null },
      { city: '', big: 0n, delay: 7, price: 10, on: true, day: new Date('2001-01-31') },
    ];
    const summary = await buildIndex(rows, out);
    expect(summary).toMatchObject({ path: out, rows: 4, skippedRows: 0, skipped: [], bytesRead: 0, bytes: readFileSync(out).length });
    const index = readNaively(out);
    expect(index.rowCount).toBe(4);
    expect(index.columns.map(({ name, type, scale }) => [name, type, scale])).toEqual([
      ['city', 'string', 0],
      ['big', 'integer', 0],
      ['delay', 'integer', 0],
      ['price', 'decimal', 2],
      ['on', 'boolean', 0],
      ['day', 'date', 0],
    ]);
    expect(index.column('city').cells).toEqual(['Wien', null, 'Ångström ü 😀', '']);
    expect(index.column('big').cells).toEqual([2n ** 62n, -(2n ** 63n), null, 0n]);
    expect(index.column('delay').cells).toEqual([-3n, 0n, 7n, 7n]);
    expect(index.column('price').cells).toEqual([125n, -50n, null, 1000n]);
    expect(index.column('on').cells).toEqual([true, false, null, true]);
    expect(index.column('day').cells).toEqual([day('2001-01-31'), -1n, null, day('2001-01-31')]);
    expect(summary.columns).toEqual(
      index.columns.map(({ name, kind, type, scale, cells, valueCount }) => {
        const nulls = cells.filter((cell) => cell === null).length;
        return { name, kind, type, scale, nulls, valueCount };
      }),
    );
  });

  test('may be asynchronous, of any length, and without rows', async () => {
    async function* generate() {
      for (let i = 0; i < 200_000; i++) yield { id: i, even: i % 2 === 0 };
    }
    expect(await buildIndex(generate(), out)).toMatchObject({ rows: 200_000 });
    const index = readNaively(out);
    expect(index.column('id')).toMatchObject({ kind: 'numbers', slices: 19, min: 0n, max: 199_999n });
    expect(index.column('id').cells.every((cell, row) => cell === BigInt(row))).toBe(true);
    expect(index.column('even').cells.every((cell, row) => cell === (row % 2 === 0))).toBe(true);

    expect(await buildIndex([], out)).toMatchObject({ rows: 0, columns: [] });
    expect(readNaively(out)).toMatchObject({ rowCount: 0, columns: [] });
    const columns = [{ name: 'a', type: 'integer', kind: 'numbers' } as const, { name: 'b', type: 'string' } as const];
    expect(await buildIndex([], out, { columns })).toMatchObject({ rows: 0 });
    expect(readNaively(out).columns).toMatchObject([
      { name: 'a', kind: 'numbers', slices: 0 },
      { name: 'b', kind: 'values', valueCount: 0 },
    ]);
  });

  test('is closed when the build ends before it does, and left alone when it has failed itself', async () => {
    let closed = 0;
    function* rows() {
      try {
        for (;;) yield { a: 1, b: {} as never };
      } finally {
        closed += 1;
      }
    }
    await expectRejected('INVALID_ARGUMENT', buildIndex(rows(), out), /column "b" .* objects/);
    expect(closed).toBe(1);
    const failure = new Error('the database has gone');
    // biome-ignore lint/correctness/useYield: it fails before it has a row
    const failing = async function* (): AsyncGenerator<RowObject> {
      throw failure;
    };
    await expect(buildIndex(failing(), out)).rejects.toBe(failure);
  });

  test('draws slices from a synchronous iterable, so that the loop goes on', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    function* rows() {
      for (let i = 0; i < 300_000; i++) yield { id: i, name: `name ${i % 1000}` };
    }
    const phases = new Set<BuildProgress['phase']>();
    const summary = await buildIndex(rows(), out, { onProgress: ({ phase }) => phases.add(phase) });
    clearInterval(timer);
    expect(summary.rows).toBe(300_000);
    // Whatever the machine, it is more than the few turns of a build that holds the loop.
    expect(turns).toBeGreaterThan(10);
    expect(phases).toContain('writing');
  });
});

describe('any rows', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 12 });
  const row = fc.record({
    text: fc.option(text),
    int: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    small: fc.option(fc.integer({ min: -5, max: 5 })),
    flag: fc.option(fc.boolean()),
    cents: fc.option(fc.integer({ min: -1_000_000, max: 1_000_000 }).map((cents) => cents / 100)),
  });

  test('give an index of the same, of either kind, and the same bytes each time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 200 }), fc.constantFrom('values', 'numbers'), async (rows, kind) => {
        const columns = [
          { name: 'text', type: 'string' } as const,
          { name: 'int', type: 'integer', kind } as const,
          { name: 'small', type: 'integer', kind } as const,
          { name: 'flag', type: 'boolean' } as const,
          { name: 'cents', type: 'decimal', scale: 2, kind } as const,
        ];
        await buildIndex(rows, out, { columns });
        const index = readNaively(out);
        const asBigInt = (value: number | bigint | null) => (value === null ? null : BigInt(value));
        expect(index.column('text').cells).toEqual(rows.map(({ text }) => text));
        expect(index.column('int').cells).toEqual(rows.map(({ int }) => int));
        expect(index.column('small').cells).toEqual(rows.map(({ small }) => asBigInt(small)));
        expect(index.column('flag').cells).toEqual(rows.map(({ flag }) => flag));
        expect(index.column('cents').cells).toEqual(rows.map(({ cents }) => asBigInt(cents === null ? null : Math.round(cents * 100))));
        const first = readFileSync(out);
        await buildIndex(rows, out, { columns });
        expect(readFileSync(out).equals(first)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

describe('wrong arguments', () => {
  test.each([
    ['a number', 5, /source must be a path/],
    ['nothing', undefined, /source must be a path/],
    ['bytes', Buffer.from('x'), /\{ path \}/],
    ['an object of another kind', {}, /source must be a path/],
    ['a path and a stream', { path: 'a', stream: [] }, /either a path or a stream/],
    ['an unknown format', { path: 'a', format: 'xml' }, /source\.format/],
    ['a long delimiter', { path: 'a', delimiter: ', ' }, /source\.delimiter/],
    ['an empty path', '', /path/],
    ['a stream of Parquet', { stream: (async function* () {})(), format: 'parquet' }, /cannot be read from a stream/],
  ])('%s is no source', (_, source, message) => {
    expectThrown('INVALID_ARGUMENT', () => buildIndex(source as never, out), message);
  });

  test.each([
    ['columns that are no array', { columns: 'a' }, /options\.columns/],
    ['a column without a name', { columns: [{}] }, /columns\[0\]\.name/],
    ['a column named twice', { columns: [{ name: 'a' }, { name: 'a' }] }, /columns\[1\]\.name/],
    ['an unknown kind', { columns: [{ name: 'a', kind: 'tree' }] }, /columns\[0\]\.kind/],
    ['an unknown type', { columns: [{ name: 'a', type: 'float' }] }, /columns\[0\]\.type/],
    ['a scale beyond 18', { columns: [{ name: 'a', type: 'decimal', scale: 19 }] }, /columns\[0\]\.scale/],
    ['a scale of integers', { columns: [{ name: 'a', type: 'integer', scale: 1 }] }, /decimal/],
    ['text as numbers', { columns: [{ name: 'a', type: 'string', kind: 'numbers' }] }, /columns\[0\]/],
    ['an unknown policy', { onBadRow: 'warn' }, /onBadRow/],
    ['a signal that is none', { signal: {} }, /signal/],
    ['a callback that is none', { onProgress: 1 }, /onProgress/],
  ])('%s throw at once', (_, options, message) => {
    expectThrown('INVALID_ARGUMENT', () => buildIndex([], out, options as never), message);
  });

  test('a column that is not there names those that are', async () => {
    const error = await expectRejected('INVALID_ARGUMENT', buildIndex([{ a: 1, b: 2 }], out, { columns: [{ name: 'c' }] }));
    expect(error.message).toMatch(/no column "c": there are "a", "b"/);
  });
});
