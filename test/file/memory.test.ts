import { runProgram } from '../child';
import { TestFiles, TiB } from '../files';

const files = TestFiles.make();

test('an open file that is not read costs less than 100 KiB, whatever its size', async () => {
  const path = files.sparse('hole', 15 * TiB);
  const result = await runProgram('cost-of-open-files.cjs', [path, '400'], ['--expose-gc']);
  expect(result).toMatchObject({ code: 0, stderr: '' });
  const { bytesPerFile } = JSON.parse(result.stdout) as { bytesPerFile: number };
  expect(bytesPerFile).toBeLessThan(100 * 1024);
});

test('sets that are over, and views that are dropped, are not kept', async () => {
  const path = files.patterned('file', 4 * 2 ** 20);
  const result = await runProgram('growth-by-reading.cjs', [path], ['--expose-gc']);
  expect(result).toMatchObject({ code: 0, stderr: '' });
  const { grownBytes } = JSON.parse(result.stdout) as { grownBytes: number };
  // Three million entries pass; a single number kept for each would be 24 MB.
  expect(grownBytes).toBeLessThan(12 * 2 ** 20);
});
