import { memoryLimitOf, processorLimitOf } from '../../../src/inspect/machine/control-groups';
import { fakeSystem } from './fake-system';

const GiB = 2 ** 30;
const V2_MOUNT = '30 20 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate';
const V1_MOUNTS = [
  '30 20 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
  '31 20 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
].join('\n');

describe('version 2', () => {
  const own = { '/proc/self/mountinfo': V2_MOUNT, '/proc/self/cgroup': '0::/app.slice/web' };

  test('the limit is that of the own group, and how full it is', () => {
    const files = fakeSystem({
      ...own,
      '/sys/fs/cgroup/app.slice/web/memory.max': String(2 * GiB),
      '/sys/fs/cgroup/app.slice/web/memory.high': 'max',
      '/sys/fs/cgroup/app.slice/web/memory.current': String(GiB),
      '/sys/fs/cgroup/app.slice/web/memory.stat': 'anon 5\nfile 4096\nfile_mapped 7',
      '/sys/fs/cgroup/app.slice/memory.max': 'max',
      '/sys/fs/cgroup/app.slice/memory.current': String(3 * GiB),
    });
    expect(memoryLimitOf(files)).toEqual({ version: 2, limit: 2 * GiB, used: GiB, file: 4096 });
  });

  test('a tighter limit of a group around it binds, with the use of that group', () => {
    const files = fakeSystem({
      ...own,
      '/sys/fs/cgroup/app.slice/web/memory.max': String(2 * GiB),
      '/sys/fs/cgroup/app.slice/web/memory.current': '1',
      '/sys/fs/cgroup/app.slice/memory.max': String(GiB),
      '/sys/fs/cgroup/app.slice/memory.current': '2',
    });
    expect(memoryLimitOf(files)).toEqual({ version: 2, limit: GiB, used: 2, file: undefined });
  });

  test('memory.high is a limit too', () => {
    const files = fakeSystem({
      ...own,
      '/sys/fs/cgroup/app.slice/web/memory.max': 'max',
      '/sys/fs/cgroup/app.slice/web/memory.high': '4096',
      '/sys/fs/cgroup/app.slice/web/memory.current': '1',
    });
    expect(memoryLimitOf(files)?.limit).toBe(4096);
  });

  test('no limit, and no group that counts', () => {
    const unlimited = fakeSystem({
      ...own,
      '/sys/fs/cgroup/app.slice/web/memory.max': 'max',
      '/sys/fs/cgroup/app.slice/web/memory.current': '77',
    });
    expect(memoryLimitOf(unlimited)).toEqual({ version: 2, limit: undefined, used: 77, file: undefined });
    expect(memoryLimitOf(fakeSystem(own))).toBeUndefined();
    expect(memoryLimitOf(fakeSystem({}))).toBeUndefined();
  });

  test('processors: the tightest quota over its period', () => {
    const files = fakeSystem({
      ...own,
      '/sys/fs/cgroup/app.slice/web/cpu.max': 'max 100000',
      '/sys/fs/cgroup/app.slice/cpu.max': '150000 100000',
    });
    expect(processorLimitOf(files)).toBe(1.5);
    expect(processorLimitOf(fakeSystem({ ...own, '/sys/fs/cgroup/app.slice/web/cpu.max': 'max 100000' }))).toBeUndefined();
  });
});

describe('version 1', () => {
  const own = { '/proc/self/mountinfo': V1_MOUNTS, '/proc/self/cgroup': '4:memory:/app\n2:cpu,cpuacct:/app\n0::/' };

  test('limits and use; the largest number is no limit', () => {
    const files = fakeSystem({
      ...own,
      '/sys/fs/cgroup/memory/app/memory.limit_in_bytes': String(GiB),
      '/sys/fs/cgroup/memory/app/memory.usage_in_bytes': '500',
      '/sys/fs/cgroup/memory/app/memory.stat': 'cache 1\ntotal_cache 300',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
      '/sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us': '50000',
      '/sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us': '100000',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1',
    });
    expect(memoryLimitOf(files)).toEqual({ version: 1, limit: GiB, used: 500, file: 300 });
    expect(processorLimitOf(files)).toBe(0.5);
    const unlimited = fakeSystem({
      ...own,
      '/sys/fs/cgroup/memory/app/memory.limit_in_bytes': '9223372036854771712',
      '/sys/fs/cgroup/memory/app/memory.usage_in_bytes': '500',
    });
    expect(memoryLimitOf(unlimited)).toMatchObject({ version: 1, limit: undefined, used: 500 });
    expect(processorLimitOf(unlimited)).toBeUndefined();
  });
});

test.each([
  ['mounted from within its own group, as in a container', '/docker/abc', '/docker/abc'],
  ['outside of what is mounted', '/docker/abc', '/elsewhere'],
])('a group that is %s is looked for at the mount', (_, root, group) => {
  const files = fakeSystem({
    '/proc/self/mountinfo': `30 20 0:26 ${root} /sys/fs/cgroup ro - cgroup2 cgroup2 rw`,
    '/proc/self/cgroup': `0::${group}`,
    '/sys/fs/cgroup/memory.max': '4096',
    '/sys/fs/cgroup/memory.current': '1',
  });
  expect(memoryLimitOf(files)?.limit).toBe(4096);
});
