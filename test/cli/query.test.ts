import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFlights } from '../bitmap/flights';
import { nofault } from './run-cli';

let folder: string;
let index: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nofault-query-'));
  index = writeFlights(join(folder, 'flights.idx'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const query = (...args: string[]) => nofault(['query', index, ...args]);

test.each<[string[], string]>([
  [["origin = 'SEA'"], '3\n'],
  [["origin = 'SEA'", '--count'], '3\n'],
  [['--count'], '8\n'],
  [['delay > 60', '--rows', '2'], '0\n4\n'],
  [['delay > 60', '--rows', '10'], '0\n4\n5\n'],
  [['delay > 60', '--rows', '0'], ''],
  [['delay > 1000', '--rows', '10'], ''],
  [['--sum', 'delay'], '312\n'],
  [['delay > 60', '--sum', 'price'], '12.50\n'],
  [["origin = 'SEA'", '--min', 'price'], '-0.05\n'],
  [['--max', 'price'], '100.00\n'],
  [['delay > 60', '--min', 'date'], '1969-12-31\n'],
  [['delay > 1000', '--max', 'date'], 'none\n'],
])('%j prints %j', async (args, stdout) => {
  expect(await query(...args)).toEqual({ code: 0, signal: null, stdout, stderr: '' });
});

test('without anything it shows the columns', async () => {
  const { code, stdout, stderr } = await query();
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toBe(
    [
      '8 rows',
      'origin     values   string      5 different      1 null',
      'delay      numbers  integer     -12 to 200       1 null',
      'price      numbers  decimal(2)  -0.05 to 100.00  1 null',
      'date       values   date        6 different',
      'cancelled  values   boolean     2 different      1 null',
      'is null    values   integer     8 different',
      '',
    ].join('\n'),
  );
});

test('a plan in words', async () => {
  const { code, stdout } = await query("origin = 'SEA' and delay > 60", '--explain');
  expect(code).toBe(0);
  for (const head of ['needed', 'in memory', 'missing', 'bitmaps', 'containers', 'chunks', 'steps'])
    expect(stdout).toMatch(new RegExp(`^${head} {2,}\\d`, 'm'));
});

describe('--json', () => {
  const object = async (...args: string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await query(...args, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n').length).toBe(2);
    return JSON.parse(stdout);
  };

  test('has the question and the answer', async () => {
    const where = "origin = 'SEA'";
    expect(await object(where)).toEqual({ path: index, where, count: 3 });
    expect(await object(where, '--rows', '2')).toEqual({ path: index, where, rows: [0, 2] });
    expect(await object('delay > 1000', '--rows', '2')).toEqual({ path: index, where: 'delay > 1000', rows: [] });
    expect(await object(where, '--sum', 'price')).toEqual({ path: index, where, column: 'price', sum: '13.44' });
    expect(await object('--max', 'date')).toEqual({ path: index, column: 'date', max: '2001-12-31' });
    expect(await object('delay > 1000', '--min', 'delay')).toMatchObject({ min: null });
    const both = "origin = 'SEA' and delay > 60";
    expect(await object(both, '--explain')).toMatchObject({
      path: index,
      where: both,
      plan: { pages: expect.any(Number), bitmaps: expect.any(Number), steps: [{ firstChunk: 0 }] },
    });
  });

  test('has the columns', async () => {
    expect(await object()).toMatchObject({
      path: index,
      rowCount: 8,
      columns: [
        { name: 'origin', kind: 'values', type: 'string', nulls: 1, valueCount: 5 },
        { name: 'delay', min: '-12', max: '200', slices: 9 },
        {},
        {},
        {},
        {},
      ],
    });
  });

  test('has the error, which stderr tells as well', async () => {
    const { code, stdout, stderr } = await nofault(['query', join(folder, 'nowhere'), 'delay > 60', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ path: join(folder, 'nowhere'), where: 'delay > 60', error: { code: 'IO' } });
    expect(stderr).toMatch(/^nofault: cannot open .*nowhere/);
  });
});

test('an expression that does not fit is wrong usage, and the character is pointed at', async () => {
  const { code, stdout, stderr } = await query("origin = 'SEA' and dealy > 60");
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toBe(
    [
      'nofault: there is no column "dealy": did you mean "delay"? (character 20)',
      "  origin = 'SEA' and dealy > 60",
      '                     ^',
      '',
    ].join('\n'),
  );
});

test('what would disturb a terminal is escaped, and the caret stays where it belongs', async () => {
  const { code, stderr } = await query("\torigin = '\u001b[31m' and dealy = 1");
  expect(code).toBe(2);
  expect(stderr).not.toContain('\u001b');
  const [, line, caret] = stderr.split('\n') as [string, string, string];
  expect(line).toBe("  \\torigin = '\\x1b[31m' and dealy = 1");
  expect(line.slice(caret.indexOf('^'))).toBe('dealy = 1');
});

test('a file that is no index, and one that is damaged, are told with the offset', async () => {
  const path = join(folder, 'text');
  writeFileSync(path, 'origin,delay\n'.repeat(100));
  const { code, stdout, stderr } = await nofault(['query', path, 'delay > 60']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^nofault: .*text is no sound index, at byte 0: it does not begin like an index of nofault\n$/);
});

test.each<[string, string[], string]>([
  ['no index', [], "missing required argument 'index'"],
  ['two questions', ['x', 'y', '--count', '--explain'], "option '--count' cannot be used with option '--explain'"],
  ['rows that are no number', ['x', 'y', '--rows', 'many'], 'It must be a whole number'],
  ['too many arguments', ['x', 'y', 'z'], 'too many arguments'],
])('%s is wrong usage', async (_, args, told) => {
  const { code, stdout, stderr } = await nofault(['query', ...args]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(told);
});

test('help has examples and exit codes', async () => {
  const { code, stdout } = await nofault(['query', '--help']);
  expect(code).toBe(0);
  expect(stdout).toContain('Examples:');
  expect(stdout).toContain('Exit codes:');
});
