import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type MappedFile, open } from '../../src/index';
import { builtPackage } from '../built-package';
import { programPath } from '../child';
import { expectRejected } from '../failures';
import { MiB, pattern, TestFiles } from '../files';
import { readPage } from '../reading';
import { finished } from '../rigs/children';
import { slowDiskLacks, startSlowDisk } from '../rigs/slow-disk';
import { type SlowFolder, slowFolderLacks, startSlowFolder } from '../rigs/slow-folder';
import { when } from '../when';

const PAGE = 4096;
const EIO = 5;
const ENOTCONN = 107;
const files = TestFiles.make();
const { describe, each, test } = when(slowFolderLacks());

describe('storage that fails', () => {
  let rig: SlowFolder;
  let file: MappedFile;
  let path: string;
  const content = pattern(8 * MiB);
  const pageOf = (page: number): Buffer => content.subarray(page * PAGE, (page + 1) * PAGE);

  beforeAll(async () => {
    rig = await startSlowFolder();
  });
  beforeEach(async () => {
    path = await rig.write('failing', content);
    file = await open(path);
    await rig.forgetReads();
  });
  afterEach(async () => {
    await file.close();
    await rig.heal();
  });
  afterAll(() => rig.stop());

  test('an entry with a page that cannot be read fails with IO, errno and the offset of that page', async () => {
    await rig.fail('failing', { offset: 21 * PAGE + 17, length: 1 });
    const error = await expectRejected('IO', file.getPages([{ first: 16, count: 16 }]).arrived);
    expect(error).toMatchObject({ errno: EIO, offset: 21 * PAGE, path });
    expect(error.syscall).toBeDefined();
    expect(file.stats()).toMatchObject({ errors: 1, inFlight: 0, lastError: error });
  });

  test('the neighbours of a bad page are served, each entry of the same run for itself', async () => {
    await rig.fail('failing', { offset: 40 * PAGE, length: PAGE });
    await rig.fail('failing', { offset: 50 * PAGE, length: PAGE });
    const pages = Array.from({ length: 32 }, (_, i) => 32 + i);
    const set = file.getPages(pages);
    const outcomes = new Map<number, unknown>();
    for await (const entry of set) {
      try {
        outcomes.set(pages[entry] as number, Buffer.from(set.bytes(entry)));
      } catch (error) {
        outcomes.set(pages[entry] as number, error);
      }
    }
    expect(outcomes.size).toBe(32);
    for (const page of pages) {
      const outcome = outcomes.get(page);
      if (page === 40 || page === 50) expect(outcome).toMatchObject({ code: 'IO', errno: EIO, offset: page * PAGE });
      else expect(pageOf(page).equals(outcome as Buffer)).toBe(true);
    }
    await expectRejected('IO', set.arrived);
  });

  test('runs and byte ranges beside a bad page are served, and one that reaches into it is not', async () => {
    await rig.fail('failing', { offset: 300 * PAGE, length: PAGE });
    const before = { offset: 290 * PAGE + 5, length: 10 * PAGE - 5 };
    const after = { offset: 301 * PAGE, length: 7 * PAGE + 3 };
    const across = { offset: 300 * PAGE - 1, length: 2 };
    const sets = [before, after].map((range) => file.getRanges([range]).arrived);
    const error = await expectRejected('IO', file.getRanges([across]).arrived);
    expect(error).toMatchObject({ errno: EIO, offset: 300 * PAGE });
    await Promise.all(sets);
    for (const { offset, length } of [before, after]) {
      const into = Buffer.alloc(length);
      await file.read([into], [offset]);
      expect(into.equals(content.subarray(offset, offset + length))).toBe(true);
    }
    await expectRejected('IO', file.read([Buffer.alloc(100)], [300 * PAGE + 50]));
  });

  test('a large read with one bad page at its end fails with that page', async () => {
    const last = content.length / PAGE - 1;
    await rig.fail('failing', { offset: last * PAGE, length: PAGE });
    const error = await expectRejected('IO', file.getPages([{ first: 0, count: last + 1 }]).arrived);
    expect(error).toMatchObject({ errno: EIO, offset: last * PAGE });
    expect(await readPage(file, last - 1)).toEqual(pageOf(last - 1));
  });

  test('an error that happens once is not seen', async () => {
    await rig.fail('failing', { offset: 100 * PAGE, length: PAGE, times: 1 });
    await rig.fail('failing', { offset: 200 * PAGE, length: PAGE, times: 1 });
    await file.getPages([100, { first: 190, count: 20 }]).arrived;
    expect(await readPage(file, 100)).toEqual(pageOf(100));
    expect(await readPage(file, 200)).toEqual(pageOf(200));
    expect((await rig.log('failing')).filter(({ errno }) => errno === EIO)).toHaveLength(2);
    expect(file.stats().errors).toBe(0);
  });

  test('what could not be read is read as soon as it can be', async () => {
    await rig.fail('failing', { offset: 60 * PAGE, length: PAGE });
    await expectRejected('IO', file.getPages([60]).arrived);
    await expectRejected('IO', file.getPages([60]).arrived);
    expect(file.tryPage(60)).toBeUndefined();
    await rig.heal();
    expect(await readPage(file, 60)).toEqual(pageOf(60));
  });

  test('errors other than EIO keep their number', async () => {
    await rig.fail('failing', { offset: 70 * PAGE, length: PAGE, errno: 'ENODATA' });
    await expect(file.getPages([70]).arrived).rejects.toMatchObject({ code: 'IO', errno: 61, offset: 70 * PAGE });
  });

  test('what lies behind the end of a file that became shorter on the server is TRUNCATED, and what lies before it is served', async () => {
    await rig.truncate('failing', 100 * PAGE + 10);
    const error = await expectRejected('TRUNCATED', file.getPages([400]).arrived);
    expect(error).toMatchObject({ offset: 400 * PAGE, path });
    expect(await readPage(file, 50)).toEqual(pageOf(50));
  });

  test('a file whose server hangs can be closed, and its calls reject', async () => {
    await rig.hang('failing', { offset: 512 * PAGE, length: PAGE });
    const waiting = expectRejected('CLOSED', file.getPages([512]).arrived);
    await rig.untilHung();
    await file.close();
    await waiting;
  });

  test('a call that hangs can be given up, and its page arrives for another after all', async () => {
    await rig.hang('failing', { offset: 700 * PAGE, length: PAGE });
    const controller = new AbortController();
    const reason = new Error('too slow');
    const given = file.getPages([700], { signal: controller.signal }).arrived;
    await rig.untilHung();
    const kept = readPage(file, 700);
    controller.abort(reason);
    await expect(given).rejects.toBe(reason);
    await rig.release();
    expect(await kept).toEqual(pageOf(700));
  });
});

when(slowDiskLacks('ext4')).test('a bad place of a disk under ext4 fails the page that lies there, and no other', async () => {
  const disk = await startSlowDisk({ fs: 'ext4' });
  try {
    const content = pattern(MiB);
    const path = await disk.write('file', content);
    await disk.fail('file', { offset: 130 * PAGE, length: 1 });
    const file = await open(path);
    const pages = Array.from({ length: 64 }, (_, i) => 100 + i);
    const outcomes = await Promise.allSettled(pages.map((page) => file.getPages([page]).arrived));
    const failed = outcomes.flatMap((outcome, i) => (outcome.status === 'rejected' ? [[pages[i], outcome.reason]] : []));
    expect(failed).toEqual([[130, expect.objectContaining({ code: 'IO', errno: EIO, offset: 130 * PAGE })]]);
    expect(await readPage(file, 131)).toEqual(content.subarray(131 * PAGE, 132 * PAGE));
    await disk.heal();
    expect(await readPage(file, 130)).toEqual(content.subarray(130 * PAGE, 131 * PAGE));
    await file.close();
  } finally {
    await disk.stop();
  }
});

describe('a server that hangs, with more requests than threads', () => {
  let rig: SlowFolder;
  const content = pattern(16 * MiB);

  beforeAll(async () => {
    // As many reads ahead as are asked for: how many wait for the server is then up to us and not to the kernel.
    rig = await startSlowFolder({ maxBackground: 1000 });
    await rig.write('hanging', content);
    await rig.write('other', content);
  });
  afterEach(() => rig.heal());
  afterAll(() => rig.stop());

  each(
    ['by itself', 'by process.exit'],
    (how) => `keeps no other file waiting, nor the end of the process: ${how}`,
    async (how) => {
      await rig.revoke('hanging');
      await rig.revoke('other');
      await rig.hang('hanging');
      const elsewhere = files.write('elsewhere', content);
      const words = [builtPackage(), rig.path('hanging'), rig.path('other'), elsewhere, how];
      const child = spawn(process.execPath, [programPath('beside-a-hung-server.cjs'), ...words], {
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      });
      const ended = finished(child);
      await once(child, 'message');
      await rig.untilHung();
      child.send('go on');
      const hash = createHash('sha256').update(content.subarray(0, PAGE)).digest('hex');
      expect(await ended).toEqual({ code: 0, signal: null, stderr: '', stdout: `elsewhere ${hash}\nother ${hash}\nstill waiting 40\n` });
      // It ended although its reads were never answered.
      expect(await rig.hung('hanging')).toBeGreaterThan(0);
    },
  );
});

test('a server that dies is an IO error with ENOTCONN, and a new mount serves again', async () => {
  const content = pattern(MiB);
  const first = await startSlowFolder();
  try {
    const path = await first.write('file', content);
    const file = await open(path);
    expect(await readPage(file, 0)).toEqual(content.subarray(0, PAGE));
    await first.hang('file', { offset: 200 * PAGE, length: PAGE });
    const waiting = expectRejected('IO', file.getPages([200]).arrived);
    await first.untilHung();
    await first.kill();
    await waiting;
    await expect(file.getPages([150]).arrived).rejects.toMatchObject({ code: 'IO', errno: ENOTCONN, offset: 150 * PAGE });
    await expect(open(path)).rejects.toMatchObject({ code: 'IO', errno: ENOTCONN });
    await file.close();
  } finally {
    await first.stop();
  }
  const second = await startSlowFolder();
  try {
    const file = await open(await second.write('file', content));
    expect(await readPage(file, 150)).toEqual(content.subarray(150 * PAGE, 151 * PAGE));
    await file.close();
  } finally {
    await second.stop();
  }
});
