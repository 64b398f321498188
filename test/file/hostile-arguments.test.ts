import { runProgram } from '../child';
import { TestFiles } from '../files';

const files = TestFiles.make();

test('every function of the addon refuses with an exception what it cannot do, and goes on', async () => {
  const path = files.patterned('file', 100_000);
  const { stdout, ...rest } = await runProgram('hostile-arguments.cjs', [path]);
  expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
  const { through, calls, same } = JSON.parse(stdout) as { through: string[]; calls: number; same: boolean };
  expect({ through, same }).toEqual({ through: [], same: true });
  expect(calls).toBeGreaterThan(1000);
});
