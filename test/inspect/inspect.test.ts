import { spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, renameSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type FileResidency, inspect, NofaultError, open } from '../../src/index';
import { expectThrown } from '../failures';
import { evictUnmapped, MiB, TestFiles, TiB } from '../files';
import { all, byName } from './collecting';

const files = TestFiles.make();
const PAGE = 4096;

/** A folder with these files, of so many bytes each, in which nothing has been read. */
function tree(name: string, sizes: Record<string, number>): string {
  const folder = files.path(name);
  for (const [path, size] of Object.entries(sizes)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), '');
    truncateSync(join(folder, path), size);
  }
  return folder;
}

function expectWellFormed(file: FileResidency): void {
  expect(file.error).toBeUndefined();
  expect(file.residentBytes + file.unknownBytes).toBeLessThanOrEqual(file.size);
  expect(Math.min(file.residentBytes, file.unknownBytes)).toBe(0);
}

test('tells of each file below a folder what of it is in memory, and sums it up', async () => {
  const folder = tree('tree', { a: 3 * PAGE, 'b/c': 10, 'b/d/e': 0, '.hidden': 5 });
  const file = await open(join(folder, 'a'));
  await file.lock([0, 1]);
  const inspection = inspect(folder);
  const found = await byName(inspection, folder);
  expect([...found.keys()].sort()).toEqual(['.hidden', 'a', 'b/c', 'b/d/e']);
  for (const one of found.values()) expectWellFormed(one);
  // What is locked is there for sure; the page behind it may have been read around it.
  expect(found.get('a')?.residentBytes).toBeGreaterThanOrEqual(2 * PAGE);
  expect(found.get('b/c')).toMatchObject({ size: 10, residentBytes: 0, unknownBytes: 0, again: false });
  expect(inspection.totals).toMatchObject({ files: 4, failed: 0, size: 3 * PAGE + 15, residentBytes: found.get('a')?.residentBytes });
  await file.close();
});

test('with a map each file comes with its runs, with cells with the bytes of each', async () => {
  const path = files.sparse('cells', 1000 * PAGE + 100);
  const file = await open(path);
  await file.lock([{ first: 0, count: 100 }, 1000]);
  const [whole] = await all(inspect(path, { map: true, cells: 7 }));
  const { map, cells } = whole as FileResidency;
  expect(map?.residentBytes).toBe(whole?.residentBytes);
  const runs = [...(map?.runs ?? [])];
  expect(runs.reduce((sum, { length }) => sum + length, 0)).toBe(1000 * PAGE + 100);
  expect(runs[0]).toEqual({ offset: 0, length: 100 * PAGE, state: 'resident' });
  expect(runs.at(-1)).toEqual({ offset: 1000 * PAGE, length: 100, state: 'resident' });
  expect([...(cells as Float64Array)]).toEqual([100 * PAGE, 0, 0, 0, 0, 0, 100]);
  // Counted alone, cell by cell.
  const [counted] = await all(inspect(path, { cells: 7 }));
  expect([...((counted as FileResidency).cells as Float64Array)]).toEqual([100 * PAGE, 0, 0, 0, 0, 0, 100]);
  expect(counted?.residentBytes).toBe(100 * PAGE + 100);
  expect(counted?.map).toBeUndefined();
  const [small] = await all(inspect(files.sparse('small', 2 * PAGE + 1), { cells: 7 }));
  expect(small?.cells).toHaveLength(3);
  await file.close();
});

test('a sparse file of a terabyte is counted and mapped', async () => {
  const path = files.sparse('terabyte', TiB);
  const file = await open(path);
  const pages = Array.from({ length: 200 }, (_, i) => i * 1_000_003);
  await file.lock(pages);
  const [found] = await all(inspect(path, { map: true }));
  expect(found).toMatchObject({ size: TiB, residentBytes: 200 * PAGE });
  const resident = [...(found?.map?.runs ?? [])].filter(({ state }) => state === 'resident');
  expect(resident).toEqual(pages.map((page) => ({ offset: page * PAGE, length: PAGE, state: 'resident' })));
  await file.close();
});

test('dirty pages are in the columns of the kernel', async () => {
  const path = files.path('dirty');
  // It may be written back in between, but not each time.
  for (let attempt = 0; ; attempt++) {
    writeFileSync(path, Buffer.alloc(3 * PAGE, 1));
    const [found] = await all(inspect(path));
    if (found?.kernel === undefined || found.kernel.dirtyBytes === 3 * PAGE) break;
    expect(found.kernel.dirtyBytes).toBeLessThanOrEqual(3 * PAGE);
    expect(attempt).toBeLessThan(100);
  }
});

test('a file with several names counts once', async () => {
  const folder = tree('links', { one: PAGE, two: PAGE });
  linkSync(join(folder, 'one'), join(folder, 'other'));
  const inspection = inspect([join(folder, 'two'), folder, folder, join(folder, 'two')]);
  const found = await all(inspection);
  expect(found.filter(({ again }) => !again)).toHaveLength(2);
  // `two` below the folder and once more by its name; the folder itself is not walked twice.
  expect(found.map(({ again }) => again)).toEqual([false, expect.any(Boolean), expect.any(Boolean), expect.any(Boolean), true]);
  expect(inspection.totals).toMatchObject({ files: 2, size: 2 * PAGE });
});

describe('globs', () => {
  const folder = tree('globs', { 'a.idx': 1, 'a.txt': 1, 'sub/b.idx': 1, 'sub/deep/c.idx': 1, 'skip/d.idx': 1 });
  const names = async (options: Parameters<typeof inspect>[1]): Promise<string[]> =>
    [...(await byName(inspect(folder, options), folder)).keys()].sort();

  test('a glob without a slash is matched with the name', async () => {
    expect(await names({ include: '*.idx' })).toEqual(['a.idx', 'skip/d.idx', 'sub/b.idx', 'sub/deep/c.idx']);
    expect(await names({ include: ['*.txt', 'b.*'] })).toEqual(['a.txt', 'sub/b.idx']);
  });

  test('a glob with a slash is matched with the path below the folder', async () => {
    expect(await names({ include: 'sub/*' })).toEqual(['sub/b.idx']);
    expect(await names({ include: 'sub/**' })).toEqual(['sub/b.idx', 'sub/deep/c.idx']);
  });

  test('folders that are left out are not entered', async () => {
    expect(await names({ exclude: ['skip', 'sub/deep', '*.txt'] })).toEqual(['a.idx', 'sub/b.idx']);
    expect(await names({ include: '*.idx', exclude: '**/c.*' })).toEqual(['a.idx', 'skip/d.idx', 'sub/b.idx']);
  });

  test('files that are given are always taken', async () => {
    expect(await all(inspect(join(folder, 'a.txt'), { include: '*.idx' }))).toHaveLength(1);
  });
});

test('what is no regular file is told, never opened so as to wait, and the others go on', async () => {
  const folder = tree('kinds', { plain: PAGE });
  expect(spawnSync('mkfifo', [join(folder, 'fifo')]).status).toBe(0);
  symlinkSync('plain', join(folder, 'link'));
  symlinkSync('/nonexistent', join(folder, 'dangling'));
  const server = createServer().listen(join(folder, 'socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  const found = await byName(inspect(folder), folder);
  // Links below a folder are left alone.
  expect([...found.keys()].sort()).toEqual(['fifo', 'plain', 'socket']);
  for (const name of ['fifo', 'socket']) expect(found.get(name)?.error).toMatchObject({ code: 'UNSUPPORTED', path: join(folder, name) });
  expectWellFormed(found.get('plain') as FileResidency);
  const given = [join(folder, 'fifo'), join(folder, 'link'), join(folder, 'dangling'), '/dev/null', '/proc/self/maps', '/proc', folder];
  const each = await Promise.all(given.map(async (path) => (await all(inspect(path, { recursive: false })))[0]));
  expect(each.map((file) => file?.error?.code)).toEqual([
    'UNSUPPORTED',
    undefined,
    'IO',
    'UNSUPPORTED',
    'UNSUPPORTED',
    'UNSUPPORTED',
    'UNSUPPORTED',
  ]);
  server.close();
});

test('a file that is missing or not a path of anything is told in its place', async () => {
  const folder = tree('missing', { here: PAGE });
  const inspection = inspect([join(folder, 'gone'), join(folder, 'here'), join(folder, 'here', 'in it')]);
  const found = await all(inspection);
  expect(found.map(({ error }) => error?.errno)).toEqual([2, undefined, 20]);
  expect(found[0]?.error).toBeInstanceOf(NofaultError);
  expect(found[0]).toMatchObject({ size: 0, residentBytes: 0, unknownBytes: 0, again: false });
  expect(inspection.totals).toMatchObject({ files: 1, failed: 2 });
});

test('names of any bytes are walked, and are given as Buffers where text would lose some', async () => {
  const folder = tree('odd', { plain: 1 });
  const odd = [Buffer.from('new\nline'), Buffer.from('\u001b[31mred'), Buffer.from([0x66, 0xff, 0xfe]), Buffer.from('ümlaut')];
  for (const name of odd) writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), 'x');
  mkdirSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xfd])]));
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xfd]), Buffer.from('/in')]), 'x');
  const found = await all(inspect(folder));
  const bytes = found.map(({ path }) => Buffer.from(path as string).toString('latin1')).sort();
  const expected = [...odd, Buffer.from('plain'), Buffer.concat([Buffer.from([0xfd]), Buffer.from('/in')])];
  expect(bytes).toEqual(expected.map((name) => `${folder}/${name.toString('latin1')}`).sort());
  expect(found.filter(({ path }) => Buffer.isBuffer(path))).toHaveLength(2);
  for (const file of found) {
    expectWellFormed(file);
    // What was yielded can be given again.
    expect((await all(inspect(file.path)))[0]).toMatchObject({ size: 1 });
  }
  expect(await all(inspect(pathToFileURL(join(folder, 'plain'))))).toHaveLength(1);
});

test('files that come, go, grow, shrink and are replaced meanwhile fail alone or not at all', async () => {
  const folder = tree('restless', Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, (i % 5) * PAGE])));
  let stop = false;
  const unrest = (async () => {
    for (let i = 0; !stop; i = (i + 7) % 300) {
      const path = join(folder, `f${i}`);
      writeFileSync(`${path}.new`, Buffer.alloc(((i * 13) % 7) * PAGE));
      renameSync(`${path}.new`, path);
      truncateSync(join(folder, `f${(i + 1) % 300}`), (i % 3) * 100_000);
      unlinkSync(join(folder, `f${(i + 2) % 300}`));
      writeFileSync(join(folder, `f${(i + 2) % 300}`), 'again');
      await new Promise(setImmediate);
    }
  })();
  for (let round = 0; round < 30; round++) {
    for (const file of await all(inspect(folder, round % 2 === 0 ? { map: true } : { cells: 3 }))) {
      if (file.error) expect(file.error).toMatchObject({ code: 'IO', errno: 2 });
      else expectWellFormed(file);
    }
  }
  stop = true;
  await unrest;
});

test('a tree deeper than a path may be long is walked', async () => {
  const folder = tree('deep', { here: 1 });
  const chain = Array.from({ length: 15 }, () => 'd'.repeat(200)).join('/');
  writeFileSync(join(folder, 'inner'), 'x');
  // Each piece is made where its path is short, and then all of it so far is moved to its end.
  for (let piece = 0; piece < 4; piece++) {
    mkdirSync(join(folder, 'outer', chain), { recursive: true });
    renameSync(join(folder, 'inner'), join(folder, 'outer', chain, 'inner'));
    renameSync(join(folder, 'outer'), join(folder, 'inner'));
  }
  const found = await all(inspect(folder));
  expect(spawnSync('rm', ['-rf', folder]).status).toBe(0);
  expect(found.map(({ error }) => error?.code)).toEqual([undefined, undefined]);
  expect(Math.max(...found.map(({ path }) => path.length))).toBeGreaterThan(4 * 15 * 201);
});

test('cancelling rejects with the reason, before and while it goes on', async () => {
  const folder = tree('cancelled', Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}/file`, 1])));
  const reason = new Error('enough');
  await expect(all(inspect(folder, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
  const controller = new AbortController();
  const seen: unknown[] = [];
  const work = (async () => {
    for await (const file of inspect(folder, { signal: controller.signal })) {
      seen.push(file);
      controller.abort(reason);
    }
  })();
  await expect(work).rejects.toBe(reason);
  expect(seen.length).toBeLessThan(50);
});

test('who has seen enough leaves, and nothing stays open', async () => {
  const folder = tree('left', Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}/file`, 1])));
  for await (const file of inspect(folder)) {
    expect(file.error).toBeUndefined();
    break;
  }
  const holders = (): boolean => spawnSync('ls', ['-l', `/proc/${process.pid}/fd`], { encoding: 'utf8' }).stdout.includes(folder);
  // Closed on threads.
  while (holders()) await new Promise(setImmediate);
});

test('looking brings nothing in', async () => {
  const path = files.patterned('untouched', 4 * MiB);
  evictUnmapped(path);
  const counts: number[] = [];
  for (let i = 0; i < 5; i++) counts.push((await all(inspect(path, { map: i % 2 === 0 })))[0]?.residentBytes as number);
  for (let i = 1; i < counts.length; i++) expect(counts[i]).toBeLessThanOrEqual(counts[i - 1] as number);
});

test('wrong arguments throw at once', () => {
  for (const paths of [undefined, null, 5, '', ['a', ''], [5], 'a\0b', {}]) {
    expectThrown('INVALID_ARGUMENT', () => inspect(paths as never));
  }
  for (const options of [
    null,
    { cells: 0 },
    { cells: 1.5 },
    { cells: 65_537 },
    { map: 1 },
    { include: 5 },
    { exclude: [''] },
    { recursive: 'no' },
    { signal: {} },
  ]) {
    expectThrown('INVALID_ARGUMENT', () => inspect('a', options as never));
  }
});

test('an inspection is iterated once', async () => {
  const inspection = inspect(files.sparse('once', PAGE));
  await all(inspection);
  await expect(all(inspection)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});
