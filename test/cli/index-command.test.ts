import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { columnOption } from '../../src/cli/column-option';
import { finish, nofault, PROGRAM } from './run-cli';

let folder: string;
let table: string;
let out: string;

const TABLE = 'city,delay,price\nWien,-3,1.50\nGraz,10,\nWien,4,20\n';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nofault-index-'));
  table = join(folder, 'table.csv');
  out = join(folder, 'table.idx');
  writeFileSync(table, TABLE);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('builds an index that can be queried, and shows what is in it', async () => {
  const { code, stdout, stderr } = await nofault(['index', table, '--out', out]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = stdout.split('\n');
  expect(lines[0]).toMatch(/^.*table\.idx: 3 rows, [\d.]+ KiB, in [\d.]+ s$/);
  expect(lines.slice(1)).toEqual([
    'city   values  string      2 different',
    'delay  values  integer     3 different',
    'price  values  decimal(2)  2 different  1 null',
    '',
  ]);
  expect((await nofault(['query', out, "city = 'Wien' and price > 2"])).stdout).toBe('1\n');
});

test('--json gives one object', async () => {
  const { code, stdout, stderr } = await nofault(['index', table, '--out', out, '--json', '-c', 'delay:numbers', '-c', 'price:decimal:3']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({
    path: out,
    source: table,
    rows: 3,
    skippedRows: 0,
    skipped: [],
    bytes: statSync(out).size,
    bytesRead: TABLE.length,
    columns: [
      { name: 'delay', kind: 'numbers', type: 'integer', scale: 0, nulls: 0, min: '-3', max: '10', slices: 5 },
      { name: 'price', kind: 'values', type: 'decimal', scale: 3, nulls: 1, valueCount: 2 },
    ],
    seconds: expect.any(Number),
  });
});

test('reads the standard input, its format told or found out', async () => {
  for (const more of [[], ['--format', 'csv']]) {
    const script = `node "$@" < ${table}`;
    const { code, stdout } = await finish('bash', ['-c', script, 'bash', PROGRAM, 'index', '-', '--out', out, ...more]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/: 3 rows/);
  }
});

test('delimiters and formats that a name does not say', async () => {
  const odd = join(folder, 'odd.txt');
  writeFileSync(odd, TABLE.replaceAll(',', '|'));
  expect((await nofault(['index', odd, '--out', out, '--format', 'csv', '--delimiter', '|'])).code).toBe(0);
  writeFileSync(odd, '{"a":1}\n');
  expect((await nofault(['index', odd, '--out', out, '--format', 'jsonl'])).code).toBe(0);
});

test('a row that does not fit fails with its line, or is left out and told', async () => {
  const bad = join(folder, 'bad.csv');
  writeFileSync(bad, 'a,b\n1,2\n3\n4,5\n');
  rmSync(out, { force: true });
  const failed = await nofault(['index', bad, '--out', out, '--json']);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(/^nofault: .*bad\.csv, line 3: it has 1 fields, and the first line 2/);
  expect(JSON.parse(failed.stdout)).toEqual({
    path: out,
    source: bad,
    error: { code: 'BAD_FORMAT', message: expect.stringContaining('line 3') },
  });
  expect(readdirSync(folder)).not.toContain('table.idx');
  const skipped = await nofault(['index', bad, '--out', out, '--skip-bad-rows']);
  expect(skipped.code).toBe(0);
  expect(skipped.stdout).toMatch(/: 2 rows, 1 left out, /);
  expect(skipped.stderr).toMatch(/^nofault: left out: line 3: it has 1 fields/);
});

test('wrong usage is told, with exit code 2', async () => {
  for (const [args, message] of [
    [['index', table], /required option '-o, --out <index>'/],
    [['index', table, '--out', out, '--format', 'xml'], /Allowed choices/],
    [['index', table, '--out', out, '--column', ':values'], /must begin with the name/],
    [['index', table, '--out', out, '--delimiter', 'ab'], /one character/],
    [['index', table, '--out', out, '--column', 'town'], /no column "town": there are "city", "delay", "price"/],
    [['index', table, '--out', out, '--column', 'city:numbers'], /column "city" .* of type string/],
  ] as const) {
    const { code, stdout, stderr } = await nofault(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  }
});

test('what cannot be read or written is told by its own name', async () => {
  const missing = await nofault(['index', join(folder, 'missing.csv'), '--out', out]);
  expect(missing).toMatchObject({
    code: 1,
    stderr: `nofault: cannot read ${join(folder, 'missing.csv')}: no such file or directory (ENOENT)\n`,
  });
  const nowhere = await nofault(['index', table, '--out', join(folder, 'nowhere', 'x.idx')]);
  expect(nowhere).toMatchObject({
    code: 1,
    stderr: `nofault: cannot write ${join(folder, 'nowhere', 'x.idx')}: no such file or directory (ENOENT)\n`,
  });
});

test('interrupted, it leaves nothing behind and ends as the signal would have it', async () => {
  const own = join(folder, 'interrupted');
  mkdirSync(own);
  writeFileSync(join(own, 'x.idx'), 'old');
  const child = spawn(process.execPath, [PROGRAM, 'index', '-', '--format', 'csv', '--out', join(own, 'x.idx')], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.write(`a,b\n${'1,2\n'.repeat(10_000)}`);
  while (readdirSync(own).length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  const ended = new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)));
  child.kill('SIGINT');
  expect(await ended).toBe('SIGINT');
  expect(readdirSync(own)).toEqual(['x.idx']);
  expect(readFileSync(join(own, 'x.idx'), 'utf8')).toBe('old');
});

test.each([
  ['a', { name: 'a' }],
  ['a:numbers', { name: 'a', kind: 'numbers' }],
  ['a:date:numbers', { name: 'a', type: 'date', kind: 'numbers' }],
  ['a:numbers:decimal:2', { name: 'a', kind: 'numbers', type: 'decimal', scale: 2 }],
  ['a:2', { name: 'a', type: 'decimal', scale: 2 }],
  ['a:b:values', { name: 'a:b', kind: 'values' }],
  ['a:date:', { name: 'a:date' }],
  ['*:none', { name: '*', kind: 'none' }],
])('the column %s', (text, spec) => {
  expect(columnOption(text)).toEqual([spec]);
});
