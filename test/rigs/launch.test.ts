import { chmodSync } from 'node:fs';
import { constants } from 'node:os';
import { TestFiles } from '../files';
import { when } from '../when';
import { otherUserLacks, run } from './launch';
import { refusingLacks } from './refuse';

const files = TestFiles.make();

describe('refused system calls', () => {
  const { test } = when(refusingLacks());
  const advised = files.patterned('advised', 4096);
  // What builds the addon needs python3 too.
  const advise = ['-c', 'import os, sys; os.posix_fadvise(os.open(sys.argv[1], os.O_RDONLY), 0, 0, 4); print("fine")', advised];

  test('a call is refused with the error, and the process runs on', async () => {
    expect(await run('python3', advise, {})).toMatchObject({ code: 0, stdout: 'fine\n' });
    for (const errno of ['EPERM', 'ENOSYS'] as const) {
      const refused = await run('python3', advise, { refuse: { fadvise64: errno } });
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`[Errno ${constants.errno[errno]}]`) });
    }
  });

  test('a process that is refused other calls notices nothing, and its children are refused the same', async () => {
    const words = ['-c', 'grep -c "^Seccomp:.2" /proc/self/status'];
    const result = await run('sh', words, { refuse: { mincore: 'EPERM', move_pages: 'ENOSYS', cachestat: 'ENOSYS' } });
    expect(result).toEqual({ code: 0, signal: null, stdout: '1\n', stderr: '' });
  });
});

describe('another user', () => {
  const { test } = when(otherUserLacks());
  const secret = files.write('secret', 'for root only');
  chmodSync(files.folder, 0o755);
  chmodSync(secret, 0o600);

  test('nobody may read what is for root', async () => {
    const result = await run('sh', ['-c', `id -u; id -G; cat ${secret}`], { as: 'nobody' });
    expect(result).toMatchObject({ stdout: '65534\n65534\n', stderr: expect.stringContaining('Permission denied') });
  });

  test('a reader may read everything and write nothing', async () => {
    const result = await run('sh', ['-c', `id -u; cat ${secret}; echo more >> ${secret}`], { as: 'reader' });
    expect(result).toMatchObject({ stdout: '65534\nfor root only', stderr: expect.stringMatching(/Permission denied/) });
  });
});
