import { chmodSync } from 'node:fs';
import { runProgram } from '../child';
import { TestFiles } from '../files';

const files = TestFiles.make();

test('a file that may not be read is an IO error with EACCES', async () => {
  chmodSync(files.folder, 0o755);
  const path = files.write('secret', 'nobody may read this');
  chmodSync(path, 0o000);
  // Root may read everything, so the program gives up its rights first.
  const result = await runProgram('open-as-nobody.cjs', [path]);
  expect(result).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(result.stdout)).toEqual({ name: 'NofaultError', code: 'IO', errno: 13, syscall: 'open', path });
});
