import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readlinkSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { open as openHandle } from 'node:fs/promises';
import { createServer } from 'node:net';
import { pathToFileURL } from 'node:url';
import { open } from '../../src/index';
import { expectRejected } from '../failures';
import { GiB, pattern, TestFiles, TiB } from '../files';
import { readPage } from '../reading';

const files = TestFiles.make();
const size = 5 * 4096 + 123;
const path = files.patterned('some file.bin', size);
const content = pattern(size);

describe('what can be opened', () => {
  test.each([
    ['a string', path],
    ['bytes', Buffer.from(path)],
    ['a URL', pathToFileURL(path)],
  ])('opens a path that is %s', async (_, target) => {
    const file = await open(target);
    expect(file.path).toBe(path);
    expect(file.size).toBe(size);
    expect(file.pageCount).toBe(Math.ceil(size / file.pageSize));
    expect(await readPage(file, 1)).toEqual(content.subarray(file.pageSize, 2 * file.pageSize));
    await file.close();
  });

  test('opens a relative path', async () => {
    const before = process.cwd();
    process.chdir(files.folder);
    try {
      const file = await open('some file.bin');
      expect(file.size).toBe(size);
      await file.close();
    } finally {
      process.chdir(before);
    }
  });

  test('opens a name that is no valid UTF-8', async () => {
    const name = Buffer.concat([Buffer.from(`${files.folder}/`), Buffer.from([0x61, 0xff, 0xfe, 0x62])]);
    writeFileSync(name, 'odd name');
    const file = await open(name);
    expect((await readPage(file, 0)).toString()).toBe('odd name');
    await file.close();
  });

  test('opens what a symbolic link points to', async () => {
    symlinkSync(path, files.path('link'));
    const file = await open(files.path('link'));
    expect(file.size).toBe(size);
    await file.close();
  });

  test('opens a FileHandle and survives the closing of it', async () => {
    const handle = await openHandle(path, 'r');
    const file = await open(handle);
    await handle.close();
    expect(file.size).toBe(size);
    expect(await readPage(file, 5)).toEqual(content.subarray(5 * 4096));
    await file.close();
  });

  test('leaves a FileHandle open when the file is closed', async () => {
    const handle = await openHandle(path, 'r');
    const file = await open(handle);
    await file.close();
    expect((await handle.stat()).size).toBe(size);
    await handle.close();
  });

  test('opens a FileHandle that can also write', async () => {
    const handle = await openHandle(path, 'r+');
    const file = await open(handle);
    expect(await readPage(file, 0)).toEqual(content.subarray(0, 4096));
    await file.close();
    await handle.close();
  });

  test('reads a file whose name is removed after opening', async () => {
    const doomed = files.patterned('doomed', 10_000);
    const file = await open(doomed);
    unlinkSync(doomed);
    expect(await readPage(file, 2)).toEqual(pattern(10_000).subarray(8192));
    await file.close();
  });

  test('opens the same file twice, each closed for itself', async () => {
    const [one, other] = await Promise.all([open(path), open(path)]);
    await readPage(one, 0);
    await one.close();
    expect(await readPage(other, 0)).toEqual(content.subarray(0, 4096));
    await other.close();
  });

  test('leaves no descriptor behind after 300 openings and closings', async () => {
    for (let i = 0; i < 300; i++) {
      const file = await open(path);
      if (i % 3 === 0) await readPage(file, i % 5);
      await file.close();
    }
    expect(descriptorsOf(path)).toBe(0);
  });
});

describe('the sizes of files', () => {
  test('an empty file has no pages, and nothing in it can be asked for but nothing', async () => {
    const file = await open(files.write('empty', ''));
    expect({ size: file.size, pages: file.pageCount }).toEqual({ size: 0, pages: 0 });
    const none = file.getPages([]);
    expect({ length: none.length, hits: none.hits, misses: none.misses, complete: none.complete }).toEqual({
      length: 0,
      hits: 0,
      misses: 0,
      complete: true,
    });
    expect(await none.arrived).toBe(none);
    expect(() => file.tryPage(0)).toThrow(expect.objectContaining({ code: 'OUT_OF_RANGE' }));
    const nothing = file.getRanges([{ offset: 0, length: 0 }]);
    await nothing.arrived;
    expect(nothing.bytes(0)).toHaveLength(0);
    expect(file.tryRange(0, 0)).toHaveLength(0);
    expect(file.tryRead([], [])).toBe(0);
    expect(await file.read([], [])).toBe(0);
    const map = await file.residency();
    expect({ size: map.size, resident: map.residentBytes, unknown: map.unknownBytes, runs: [...map.runs] }).toEqual({
      size: 0,
      resident: 0,
      unknown: 0,
      runs: [],
    });
    await file.close();
  });

  test.each([1, 4095, 4096, 4097, 8192, 100_001])('a file of %i bytes ends where it ends', async (bytes) => {
    const file = await open(files.patterned(`of-${bytes}`, bytes));
    expect(file.size).toBe(bytes);
    expect(file.pageCount).toBe(Math.ceil(bytes / file.pageSize));
    const last = file.pageCount - 1;
    expect(await readPage(file, last)).toEqual(pattern(bytes).subarray(last * file.pageSize));
    await file.close();
  });

  test.each([3 * GiB, 5 * GiB, TiB, 15 * TiB])('a sparse file of %i bytes opens', async (bytes) => {
    const file = await open(files.sparse(`sparse-${bytes}`, bytes));
    expect(file.size).toBe(bytes);
    expect(file.pageCount).toBe(bytes / file.pageSize);
    await file.close();
  });
});

describe('what cannot be opened', () => {
  test('a missing file is an IO error that names the path', async () => {
    const error = await expectRejected('IO', open(files.path('missing')));
    expect(error).toMatchObject({ errno: 2, syscall: 'open', path: files.path('missing') });
    expect(error.message).toContain(files.path('missing'));
  });

  test('a path through a file is an IO error', async () => {
    expect(await expectRejected('IO', open(`${path}/below`))).toMatchObject({ errno: 20, path: `${path}/below` });
  });

  test('a name that is too long is an IO error', async () => {
    expect(await expectRejected('IO', open(files.path('x'.repeat(300))))).toMatchObject({ errno: 36 });
  });

  test('a circle of links is an IO error', async () => {
    symlinkSync(files.path('circle'), files.path('circle'));
    expect(await expectRejected('IO', open(files.path('circle')))).toMatchObject({ errno: 40 });
  });

  test('a directory is refused', async () => {
    mkdirSync(files.path('directory'));
    const error = await expectRejected('UNSUPPORTED', open(files.path('directory')), /directory/);
    expect(error.path).toBe(files.path('directory'));
  });

  test('a FIFO is refused without waiting for its writer', async () => {
    expect(spawnSync('mkfifo', [files.path('fifo')]).status).toBe(0);
    const error = await expectRejected('UNSUPPORTED', open(files.path('fifo')), /FIFO|pipe/i);
    expect(error.path).toBe(files.path('fifo'));
  });

  test.each(['/dev/null', '/dev/zero'])('the device %s is refused', async (device) => {
    expect((await expectRejected('UNSUPPORTED', open(device), /device/)).path).toBe(device);
  });

  test('a socket is refused', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(files.path('socket'), resolve));
    await expectRejected('UNSUPPORTED', open(files.path('socket')), /socket/);
    await new Promise((resolve) => server.close(resolve));
  });

  test('a FileHandle that can only write is refused', async () => {
    const handle = await openHandle(path, 'a');
    const error = await open(handle).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ name: 'NofaultError', message: expect.stringMatching(/read/) });
    await handle.close();
  });

  test('a refused file leaves no descriptor behind', async () => {
    const directory = files.path('refused');
    mkdirSync(directory);
    for (let i = 0; i < 20; i++) await expectRejected('UNSUPPORTED', open(directory));
    expect(descriptorsOf(directory)).toBe(0);
  });
});

/** Descriptors of this process that lead to the path. */
function descriptorsOf(target: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === target;
    } catch {
      return false;
    }
  }).length;
}
