import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildIndex } from '../../../src/index';
import { programPath } from '../../child';
import { expectRejected } from '../../failures';
import { TestFiles } from '../../files';
import { readNaively } from './naive-reader';

const FLIGHTS = join(__dirname, '../../../node_modules/vega-datasets/data/flights-3m.parquet');
const files = TestFiles.make();
const out = files.path('parquet.idx');
const day = (text: string): bigint => BigInt(Date.parse(text) / 86_400_000);

beforeAll(() => {
  execFileSync(process.execPath, [programPath('parquet-files.mjs'), files.folder]);
});

test('columns of every type have what the file has', async () => {
  await buildIndex(files.path('types.parquet'), out);
  const index = readNaively(out);
  expect(index.columns.map(({ name, type, scale, cells }) => [name, type, scale, cells])).toEqual([
    ['text', 'string', 0, ['Wien', null, 'Ångström 😀', '']],
    ['flag', 'boolean', 0, [true, false, null, true]],
    ['small', 'integer', 0, [-1n, 2147483647n, null, -2147483648n]],
    ['large', 'integer', 0, [2n ** 62n, -(2n ** 63n), null, 2n ** 53n + 1n]],
    ['day', 'date', 0, [day('2001-01-31'), null, -1n, 0n]],
    ['millis', 'date', 0, [-1n, day('2001-01-31'), null, -1n]],
    ['single', 'decimal', 2, [10n, null, -275n, 10000n]],
    ['double', 'decimal', 2, [25n, null, null, -300n]],
    ['cents', 'decimal', 2, [1999n, null, -29n, 0n]],
    ['json', 'string', 0, ['{"a":1}', null, '[2]', '"x"']],
  ]);
});

test('decimals may be given another scale', async () => {
  const columns = [{ name: 'cents', scale: 1, kind: 'numbers' } as const];
  await buildIndex(files.path('types.parquet'), out, { columns });
  expect(readNaively(out).column('cents')).toMatchObject({ scale: 1, cells: [200n, null, -3n, 0n] });
});

test.each(['groups.parquet', 'one-group.parquet'])('%s: row groups of any size', async (name) => {
  const path = files.path(name);
  expect(await buildIndex(path, out)).toMatchObject({ rows: 200_000, skippedRows: 0 });
  const index = readNaively(out);
  expect(index.column('id').kind).toBe('numbers');
  expect(index.column('id').cells.every((cell, row) => cell === BigInt(row))).toBe(true);
  expect(index.column('name').cells.every((cell, row) => cell === `name ${row % 5000}`)).toBe(true);
});

test('how the rows are grouped makes no difference to the index', async () => {
  await buildIndex(files.path('groups.parquet'), out);
  const first = readFileSync(out);
  await buildIndex(files.path('one-group.parquet'), out);
  expect(readFileSync(out).equals(first)).toBe(true);
});

test('packed with gzip', async () => {
  expect(await buildIndex({ path: files.path('gzip.parquet'), format: 'parquet' }, out)).toMatchObject({ rows: 1000 });
});

test('a nested column is refused unless it is left out', async () => {
  await expectRejected('INVALID_ARGUMENT', buildIndex(files.path('nested.parquet'), out), /column "tags" .* nested: leave it out/);
  const columns = [{ name: '*' }, { name: 'tags', kind: 'none' } as const];
  expect(await buildIndex(files.path('nested.parquet'), out, { columns })).toMatchObject({ rows: 2, columns: [{ name: 'id' }] });
});

test('a row that does not fit is told by its number, and can be left out', async () => {
  const path = files.path('fraction-late.parquet');
  await expectRejected('BAD_FORMAT', buildIndex(path, out), /row 150001: column "x": 0.5 is not an integer: say what type/);
  expect(await buildIndex(path, out, { onBadRow: 'skip' })).toMatchObject({ rows: 199_999, skippedRows: 1 });
  const { cells } = readNaively(out).column('x');
  expect([cells[149_999], cells[150_000]]).toEqual([149_999n, 150_001n]);
});

test.each([
  ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
  ['without a footer', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('x')])],
  ['empty', () => Buffer.alloc(0)],
  ['with pages of noise', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 4), Buffer.alloc(20_000, 0xa5), bytes.subarray(20_004)])],
])('a file that is %s is a failure with its name', async (_, change) => {
  const path = files.write('bad.parquet', change(readFileSync(files.path('groups.parquet'))));
  const error = await expectRejected('BAD_FORMAT', buildIndex(path, out), /cannot be read as Parquet/);
  expect(error.path).toBe(path);
});

test('the flights: three million rows, each as the file has it', async () => {
  const summary = await buildIndex(FLIGHTS, out);
  expect(summary).toMatchObject({ rows: 3_000_000, skippedRows: 0, bytes: statSync(out).size });
  const index = readNaively(out);
  const script = `
    import { parquetRead } from 'hyparquet';
    import { asyncBufferFromFile } from 'hyparquet/src/node.js';
    import { compressors } from 'hyparquet-compressors';
    import { createHash } from 'node:crypto';
    const file = await asyncBufferFromFile(process.argv[1]);
    for (const column of ['date', 'delay', 'distance', 'origin', 'destination']) {
      const hash = createHash('sha256');
      await parquetRead({ file, compressors, columns: [column], onComplete: (rows) => {
        for (let from = 0; from < rows.length; from += 10000) hash.update(rows.slice(from, from + 10000).map(([value]) =>
          (value instanceof Date ? Math.floor(value.getTime() / 86400000) : String(value)) + '\\n').join(''));
      } });
      console.log(column, hash.digest('hex'));
    }`;
  const expected = execFileSync(process.execPath, ['--input-type=module', '-e', script, FLIGHTS], {
    encoding: 'utf8',
    cwd: join(__dirname, '../../..'),
  });
  const { createHash } = await import('node:crypto');
  const found = index.columns.map(({ name, cells }) => {
    const hash = createHash('sha256');
    for (let from = 0; from < cells.length; from += 10_000)
      hash.update(
        cells
          .slice(from, from + 10_000)
          .map((cell) => `${cell}\n`)
          .join(''),
      );
    return `${name} ${hash.digest('hex')}\n`;
  });
  expect(found.join('')).toBe(expected);
}, 240_000);
