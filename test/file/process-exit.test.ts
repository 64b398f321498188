import { runProgram } from '../child';
import { GiB, TestFiles } from '../files';

const files = TestFiles.make();
const path = files.sparse('hole', 64 * GiB);
const FINE = { code: 0, signal: null, stderr: '' };

test('a process with an open file that nobody reads ends by itself', async () => {
  expect(await runProgram('ending.cjs', [path, 'open'])).toMatchObject(FINE);
});

test('a process ends by itself while a large vector is being prefetched', async () => {
  expect(await runProgram('ending.cjs', [path, 'prefetch'])).toMatchObject(FINE);
});

test('a process ends by itself with sets that nobody waits for', async () => {
  expect(await runProgram('ending.cjs', [path, 'unawaited'])).toMatchObject(FINE);
});

test('a process that awaits a set lives until it has arrived', async () => {
  expect(await runProgram('ending.cjs', [path, 'awaited'])).toMatchObject({ ...FINE, stdout: 'arrived\n' });
});

test('a process that iterates a set lives until the last entry', async () => {
  expect(await runProgram('ending.cjs', [path, 'iterated'])).toMatchObject({ ...FINE, stdout: '5000 entries\n' });
});

test('a process that reads lives until the bytes are there', async () => {
  expect(await runProgram('ending.cjs', [path, 'read'])).toMatchObject({ ...FINE, stdout: '100000 bytes\n' });
});

test('a process that waits for a map lives until it is drawn', async () => {
  expect(await runProgram('ending.cjs', [path, 'residency'])).toMatchObject({ ...FINE, stdout: `${64 * GiB} bytes\n` });
});

test.each(['exit-with-reads', 'exit-with-prefetch', 'exit-in-iteration', 'exit-while-closing'])(
  'process.exit ends a process at once: %s',
  async (how) => {
    expect(await runProgram('ending.cjs', [path, how])).toMatchObject({ ...FINE, code: 7 });
  },
);

test('an exception that nobody catches ends a process with reads in flight as it ends any other', async () => {
  const result = await runProgram('ending.cjs', [path, 'uncaught']);
  expect(result).toMatchObject({ code: 1, signal: null });
  expect(result.stderr).toMatch(/thrown with reads in flight/);
});

describe('failures that nobody asks about are no unhandled rejections', () => {
  const STRICT = ['--unhandled-rejections=strict'];

  test.each(['aborted', 'closed', 'aborted-and-iterated', 'arrived-dropped-by-iteration'])('%s', async (how) => {
    expect(await runProgram('unasked-failures.cjs', [path, how], STRICT)).toEqual({ ...FINE, stdout: 'done\n' });
  });
});
