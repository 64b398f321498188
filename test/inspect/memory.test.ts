import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../child';
import { TestFiles } from '../files';

const files = TestFiles.make();
const FOLDERS = 20;
const IN_EACH = 1000;

test('however large a tree is, nothing of a file stays once it has been told', async () => {
  const folder = files.path('tree');
  for (let i = 0; i < FOLDERS; i++) {
    const inner = join(folder, `folder ${i}`);
    mkdirSync(inner, { recursive: true });
    for (let j = 0; j < IN_EACH; j++) writeFileSync(join(inner, `f${j}`), 'x');
  }
  const count = FOLDERS * IN_EACH;
  const result = await runProgram('growth-by-walking.cjs', [folder, String(count)], ['--expose-gc']);
  expect(result).toMatchObject({ code: 0, stderr: '' });
  const found = JSON.parse(result.stdout) as Record<string, { seen: number; grownBytes: number }>;
  expect(Object.keys(found)).toEqual(['counted', 'mapped', 'filtered', 'warmed', 'dropped']);
  for (const { seen, grownBytes } of Object.values(found)) {
    expect(seen).toBe(count);
    // 16,000 files pass; a result kept of each would be 4 MiB or more, its name alone 1.5 MiB.
    expect(grownBytes).toBeLessThan(0.75 * 2 ** 20);
  }
});
