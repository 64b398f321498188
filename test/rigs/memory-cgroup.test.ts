import { TestFiles } from '../files';
import { when } from '../when';
import { memoryCgroupLacks, startMemoryCgroup } from './memory-cgroup';

const MiB = 2 ** 20;
const files = TestFiles.make();
const { test } = when(memoryCgroupLacks());

test('a process in a memory group has no more than its limit, and what it read can be taken back', async () => {
  const group = await startMemoryCgroup({ limit: 64 * MiB });
  try {
    const path = files.path('written in the group');
    const written = await group.run('dd', ['if=/dev/zero', `of=${path}`, 'bs=1M', 'count=160', 'status=none']);
    expect(written).toMatchObject({ code: 0, stderr: '' });
    expect(await group.usage()).toBeLessThanOrEqual(64 * MiB);
    const limit = await group.run('cat', ['/proc/self/cgroup']);
    expect(limit.stdout).toContain(group.folder.split('/').at(-1));
    await group.reclaim();
    // Pages that are being written cannot be taken at once.
    expect(await group.usage()).toBeLessThan(64 * MiB);
    await group.setLimit(32 * MiB);
    expect(await group.usage()).toBeLessThanOrEqual(32 * MiB);
  } finally {
    await group.stop();
  }
});

test('a process in a memory group that needs more than the limit is ended, and nobody else', async () => {
  const group = await startMemoryCgroup({ limit: 48 * MiB });
  try {
    const greedy = 'const all = []; for (;;) all.push(Buffer.alloc(8 * 2 ** 20, 1));';
    expect(await group.run(process.execPath, ['-e', greedy])).toMatchObject({ signal: 'SIGKILL' });
  } finally {
    await group.stop();
  }
});

test('stopping a memory group ends what runs in it', async () => {
  const group = await startMemoryCgroup({ limit: 64 * MiB });
  const child = group.start('sh', ['-c', 'echo started; exec sleep 1000']);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
  await group.stop();
  expect(await ended).toBe('SIGKILL');
});
