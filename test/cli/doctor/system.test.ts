import { deviceOf } from '../../../src/cli/doctor/device';
import { earlyReclaim } from '../../../src/cli/doctor/reclaim';
import { mountsOf } from '../../../src/inspect/machine/mounts';
import { fakeSystem } from './fake-system';

describe('mounts', () => {
  test('with and without optional fields, blanks in names, options', () => {
    const files = fakeSystem({
      '/proc/self/mountinfo': [
        '27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard',
        '99 27 0:50 / /mnt/my\\040disk rw - fuse.sshfs host:/a\\134b rw,user_id=0',
      ].join('\n'),
    });
    expect(mountsOf(files)).toEqual([
      { id: 27, device: '254:0', root: '/', point: '/', type: 'ext4', source: '/dev/vda', options: ['rw', 'discard'] },
      { id: 99, device: '0:50', root: '/', point: '/mnt/my disk', type: 'fuse.sshfs', source: 'host:/a\\b', options: ['rw', 'user_id=0'] },
    ]);
  });

  test('none where there is no /proc', () => {
    expect(mountsOf(fakeSystem({}))).toEqual([]);
  });
});

describe('the device', () => {
  test('a whole disk', () => {
    const files = fakeSystem({
      '/sys/dev/block/254:0/queue/max_sectors_kb': '1280',
      '/sys/dev/block/254:0/queue/read_ahead_kb': '128',
      '/sys/dev/block/254:0/uevent': 'MAJOR=254\nMINOR=0\nDEVNAME=vda\nDEVTYPE=disk',
    });
    expect(deviceOf(files, '254:0', undefined)).toEqual({ name: 'vda', readAhead: 131_072, longestRequest: 1_310_720 });
  });

  test('a partition, which has the queue of the disk around it', () => {
    const files = {
      names: () => [],
      text: (path: string) =>
        ({
          '/sys/dev/block/8:1/../queue/max_sectors_kb': '512',
          '/sys/dev/block/8:1/../queue/read_ahead_kb': '256',
          '/sys/dev/block/8:1/uevent': 'DEVNAME=sda1',
        })[path],
    };
    expect(deviceOf(files, '8:1', undefined)).toEqual({ name: 'sda1', readAhead: 262_144, longestRequest: 524_288 });
  });

  test('a file system without a block device reads ahead all the same', () => {
    const files = fakeSystem({ '/sys/class/bdi/0:50/read_ahead_kb': '128' });
    expect(deviceOf(files, '0:50', undefined)).toEqual({ name: undefined, readAhead: 131_072, longestRequest: undefined });
  });

  test('nothing to be seen is no number', () => {
    expect(deviceOf(fakeSystem({}), '0:1', undefined)).toEqual({ name: undefined, readAhead: undefined, longestRequest: undefined });
  });
});

describe('early reclaim', () => {
  const thread = '/sys/kernel/mm/damon/admin/kdamonds/0';
  const scheme = `${thread}/contexts/0/schemes/0/action`;
  const count = { '/sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds': '1' };

  test.each([
    ['a running scheme that pages out', { ...count, [`${thread}/state`]: 'on', [scheme]: 'pageout' }, ['pageout']],
    ['a scheme that is stopped', { ...count, [`${thread}/state`]: 'off', [scheme]: 'pageout' }, []],
    ['a scheme that only counts', { ...count, [`${thread}/state`]: 'on', [scheme]: 'stat' }, []],
    ['the module', { '/sys/module/damon_reclaim/parameters/enabled': 'Y' }, ['damon_reclaim']],
    ['the module switched off', { '/sys/module/damon_reclaim/parameters/enabled': 'N' }, []],
    ['no threads', { '/sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds': '0' }, []],
  ])('%s', (_, contents, by) => {
    expect(earlyReclaim(fakeSystem(contents))).toEqual({ active: by.length > 0, by });
  });

  test('is unknown where the kernel does not show it', () => {
    expect(earlyReclaim(fakeSystem({}))).toBeUndefined();
  });
});
