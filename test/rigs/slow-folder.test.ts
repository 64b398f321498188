import { type FileHandle, open, readdir, readFile, rename, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { pattern } from '../files';
import { when } from '../when';
import { type SlowFolder, slowFolderLacks, startSlowFolder } from './slow-folder';

const { describe, test } = when(slowFolderLacks());
const KiB = 1024;

describe('a slow folder', () => {
  let rig: SlowFolder;
  const handles: FileHandle[] = [];

  beforeAll(async () => {
    rig = await startSlowFolder();
  });
  afterEach(async () => {
    await rig.heal();
    for (const handle of handles.splice(0)) await handle.close();
    await rig.forgetReads();
  });
  afterAll(() => rig.stop());

  async function opened(path: string): Promise<FileHandle> {
    const handle = await open(path, 'r+');
    handles.push(handle);
    return handle;
  }

  async function readAt(handle: FileHandle, offset: number, length = 4 * KiB): Promise<Buffer> {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  }

  test('gives the bytes of its files, also where they end within a page', async () => {
    const content = pattern(300 * KiB + 77);
    const path = await rig.write('bytes', content);
    expect((await readFile(path)).equals(content)).toBe(true);
    expect((await stat(path)).size).toBe(content.length);
  });

  test('takes writes, new sizes, new names and removals', async () => {
    await writeFile(rig.path('made'), 'twelve bytes');
    const handle = await opened(rig.path('made'));
    await handle.write('TW', 0);
    await truncate(rig.path('made'), 6);
    expect((await rig.content('made')).toString()).toBe('TWelve');
    await rename(rig.path('made'), rig.path('moved'));
    expect(await readdir(rig.folder)).toContain('moved');
    expect((await readFile(rig.path('moved'))).toString()).toBe('TWelve');
    await unlink(rig.path('moved'));
    await expect(stat(rig.path('moved'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(rig.content('moved')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('logs the reads that reach it, which cover what was read', async () => {
    const path = await rig.write('logged', pattern(64 * KiB));
    await readFile(path);
    const reads = await rig.log('logged');
    expect(reads.length).toBeGreaterThan(0);
    const covered = new Set(reads.flatMap(({ offset, length }) => Array.from({ length: length / 4096 }, (_, i) => offset / 4096 + i)));
    expect(Array.from({ length: 16 }, (_, page) => covered.has(page))).not.toContain(false);
  });

  test('answers as late as it is told to, and all reads at once', async () => {
    const path = await rig.write('slow', pattern(2048 * KiB));
    await rig.delay(40, 'slow');
    const handle = await opened(path);
    await Promise.all([0, 512, 1024, 1536].map((at) => readAt(handle, at * KiB)));
    const reads = await rig.log('slow');
    for (const { came, answered = came } of reads) expect(answered - came).toBeGreaterThan(30);
    await rig.delay(0);
    await rig.forgetReads();
    await rig.revoke('slow');
    await readAt(handle, 0);
    expect(await rig.log('slow')).not.toEqual([]);
  });

  test('fails where it is told to, with the error that it is told, and not beside it', async () => {
    const content = pattern(64 * KiB);
    const path = await rig.write('failing', content);
    await rig.fail('failing', { offset: 5 * 4096, length: 1 });
    await rig.fail('failing', { offset: 9 * 4096, length: 1, errno: 'ENODATA' });
    const handle = await opened(path);
    await expect(readAt(handle, 5 * 4096)).rejects.toMatchObject({ code: 'EIO' });
    await expect(readAt(handle, 9 * 4096)).rejects.toMatchObject({ code: 'ENODATA' });
    expect((await readAt(handle, 4 * 4096)).equals(content.subarray(4 * 4096, 5 * 4096))).toBe(true);
    expect((await readAt(handle, 6 * 4096)).equals(content.subarray(6 * 4096, 7 * 4096))).toBe(true);
    expect((await rig.log('failing')).map(({ errno }) => errno)).toContain(5);
    await rig.heal('failing');
    expect((await readAt(handle, 5 * 4096)).equals(content.subarray(5 * 4096, 6 * 4096))).toBe(true);
  });

  test('a failure that happens a number of times is over then', async () => {
    const content = pattern(4 * KiB);
    const path = await rig.write('once', content);
    await rig.fail('once', { times: 3 });
    const handle = await opened(path);
    // The kernel reads ahead and then once more itself, so one read of a program may take two of the errors.
    await expect(readAt(handle, 0)).rejects.toMatchObject({ code: 'EIO' });
    await readAt(handle, 0).catch(() => {});
    expect((await readAt(handle, 0)).equals(content)).toBe(true);
    expect((await rig.log('once')).filter(({ errno }) => errno === 5)).toHaveLength(3);
  });

  test('a file that hangs keeps no other file waiting, and is answered when it is released', async () => {
    const content = pattern(256 * KiB);
    const hanging = await opened(await rig.write('hanging', content));
    const other = await rig.write('other', content);
    await rig.hang('hanging', { offset: 128 * KiB, length: 4 * KiB });
    const waiting = readAt(hanging, 128 * KiB);
    await rig.untilHung(1, 'hanging');
    expect((await readFile(other)).equals(content)).toBe(true);
    expect(await rig.hung('other')).toBe(0);
    expect((await rig.log('hanging')).some(({ answered }) => answered === undefined)).toBe(true);
    await rig.release('hanging');
    expect((await waiting).equals(content.subarray(128 * KiB, 132 * KiB))).toBe(true);
    expect(await rig.hung()).toBe(0);
  });

  test('where everything hangs, to look for a file hangs too', async () => {
    await rig.hangEverything();
    const looking = stat(rig.path('nowhere')).catch(({ code }: NodeJS.ErrnoException) => code);
    await rig.untilHung();
    await rig.release();
    expect(await looking).toBe('ENOENT');
  });

  test('a file that becomes shorter on the server is seen to be shorter', async () => {
    const handle = await opened(await rig.write('shorter', pattern(64 * KiB)));
    await readAt(handle, 0, 64 * KiB);
    await rig.truncate('shorter', 5000);
    expect((await handle.stat()).size).toBe(5000);
    expect(await readAt(handle, 4 * KiB)).toHaveLength(5000 - 4 * KiB);
    expect(await readAt(handle, 8 * KiB)).toHaveLength(0);
  });

  test('a truncation that is not announced is found out by reading', async () => {
    const handle = await opened(await rig.write('unannounced', pattern(64 * KiB)));
    await rig.truncate('unannounced', 5000, { announced: false });
    expect((await handle.stat()).size).toBe(64 * KiB);
    await readAt(handle, 32 * KiB);
    expect((await handle.stat()).size).toBeLessThan(64 * KiB);
  });

  test('revoked pages are read again', async () => {
    const handle = await opened(await rig.write('revoked', pattern(4 * KiB)));
    await readAt(handle, 0);
    await rig.forgetReads();
    await rig.revoke('revoked');
    await readAt(handle, 0);
    expect(await rig.log('revoked')).not.toEqual([]);
  });

  test('orders that make no sense are refused', async () => {
    await expect(rig.truncate('not there', 5)).rejects.toThrow(/ENOENT/);
  });
});

test('a server that dies leaves ENOTCONN, and a new folder serves again', async () => {
  const first = await startSlowFolder();
  try {
    const path = await first.write('file', pattern(8 * KiB));
    await first.kill();
    await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOTCONN' });
    await expect(first.delay(5)).rejects.toThrow(/the server has ended/);
  } finally {
    await first.stop();
  }
  const second = await startSlowFolder();
  try {
    expect((await readFile(await second.write('file', 'back'))).toString()).toBe('back');
  } finally {
    await second.stop();
  }
});
