import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finish } from './run-cli';

const PROGRAM = join(__dirname, '..', '..', '.build', 'examples', 'hits-and-misses.js');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nofault-start-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function show(...paths: string[]) {
  return finish(process.execPath, [PROGRAM, ...paths]);
}

test('shows each file, finds its bytes equal, and leaves it as it was', async () => {
  const path = join(folder, 'some\u001b[31m file');
  const bytes = randomBytes(300 * 65536 + 77);
  writeFileSync(path, bytes);
  const empty = join(folder, 'empty');
  writeFileSync(empty, '');
  const { code, stdout, stderr } = await show(path, empty);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('some\\u001b[31m file');
  expect(stdout).toContain('empty');
  expect(stdout.match(/compared with fs\.readSync: equal/g)).toHaveLength(1);
  for (const label of ['as found', 'cold, nofault', 'cold, fs.readSync', 'hot, nofault'])
    expect(stdout).toMatch(new RegExp(`^  ${label}`, 'm'));
  expect(readFileSync(path).equals(bytes)).toBe(true);
});

test('every page asked for is a hit or a miss', async () => {
  const path = join(folder, 'pages');
  writeFileSync(path, randomBytes(50 * 65536));
  const { stdout } = await show(path);
  for (const label of ['cold, nofault', 'hot, nofault']) {
    const [, hits, misses] = new RegExp(`^  ${label} +([\\d,]+) +([\\d,]+)`, 'm').exec(stdout) as RegExpExecArray;
    const asked = Number(hits?.replace(',', '')) + Number(misses?.replace(',', ''));
    // 50 pages where they are large, 800 where they are small, and never more than there are.
    expect([50, 200, 800]).toContain(asked);
  }
});

test('a file that cannot be read is a failure with a reason', async () => {
  const { code, stderr } = await show(join(folder, 'missing'));
  expect(code).toBe(1);
  expect(stderr).toContain(join(folder, 'missing'));
});
