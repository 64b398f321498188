import { runProgram } from '../child';
import { GiB, TestFiles } from '../files';

const files = TestFiles.make();

test('many arrivals wake the event loop a few times', async () => {
  const { stdout, ...rest } = await runProgram('counting-wake-ups.cjs', [files.sparse('hole', GiB), '5000']);
  expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
  const { calls, arrived } = JSON.parse(stdout);
  expect(arrived).toBe(5000);
  // 1024 are handed over at a time. The last ones may come while the loop turns already.
  expect(calls).toBeLessThan(50);
});
