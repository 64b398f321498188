import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import * as fs from 'node:fs/promises';
import { constants } from 'node:os';
import { basename, dirname } from 'node:path';
import { type MappedFile, open, type PageSet } from '../../src/index';
import { runProgram } from '../child';
import { expectRejected, expectThrown } from '../failures';
import { MiB, pattern, TestFiles } from '../files';
import { readPage, readRange } from '../reading';
import { slowFolderLacks, startSlowFolder } from '../rigs/slow-folder';
import { until } from '../rigs/system';
import { when } from '../when';

const files = TestFiles.make();
const PAGE = 4096;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function replace(path: string, content: Uint8Array): void {
  writeFileSync(`${path}.next`, content);
  renameSync(`${path}.next`, path);
}

async function expectContent(file: MappedFile, content: Buffer): Promise<void> {
  expect({ size: file.size, pageCount: file.pageCount }).toEqual({ size: content.length, pageCount: Math.ceil(content.length / PAGE) });
  const room = Buffer.alloc(content.length);
  expect(await file.read([room], [0])).toBe(content.length);
  expect(room.equals(content)).toBe(true);
}

/** What the process holds of a file: descriptors and mappings. */
function held(path: string): { descriptors: number; mappings: number } {
  const own = new RegExp(`${path}(\\.next)?( \\(deleted\\))?$`);
  const link = (fd: string): string => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  };
  const descriptors = readdirSync('/proc/self/fd').filter((fd) => own.test(link(fd))).length;
  return {
    descriptors,
    mappings: readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => own.test(line)).length,
  };
}

/** Resolves when nothing of the file is held. What was closed last may be closed on a thread. */
function untilNothingIsHeld(path: string): Promise<void> {
  return until(`nothing of ${path} is held`, () => {
    const { descriptors, mappings } = held(path);
    return descriptors + mappings === 0;
  });
}

describe('a file that', () => {
  test('is as it was has not changed, and its views stay', async () => {
    const content = pattern(10 * PAGE + 5);
    const file = await open(files.write('same', content));
    const set = file.getPages([0, 10]);
    await set.arrived;
    for (let i = 0; i < 3; i++) expect(await file.refresh()).toEqual({ size: content.length, change: 'none' });
    await expectContent(file, content);
    await file.close();
  });

  test.each([
    ['within its last page', 5 * PAGE + 10, 5 * PAGE + 20],
    ['to the end of its last page', 5 * PAGE + 10, 6 * PAGE],
    ['by pages', 5 * PAGE + 10, 60 * PAGE + 1],
    ['from nothing', 0, 3 * PAGE],
    ['over the end of its window', 31 * MiB, 50 * MiB + 7],
  ])('has grown %s', async (name, before, after) => {
    const content = pattern(after);
    const path = files.write(`grown ${name}`, content.subarray(0, before));
    const file = await open(path);
    const last = Math.ceil(before / PAGE) - 1;
    const set = before > 0 ? file.getPages([0, last]) : undefined;
    await set?.arrived;
    const view = before > 0 ? await viewOf(file, 0) : undefined;
    appendFileSync(path, content.subarray(before));
    expect(file.size).toBe(before);
    expectThrown('OUT_OF_RANGE', () => file.tryRange(0, after));
    expect(await file.refresh()).toEqual({ size: after, change: 'grown' });
    await expectContent(file, content);
    if (view) expect(Buffer.compare(view, content.subarray(0, view.length))).toBe(0);
    if (set) for await (const entry of set) expect(content.includes(Buffer.from(set.bytes(entry)))).toBe(true);
    await file.close();
    expect(view?.length ?? 0).toBe(0);
  });

  test.each([
    ['by pages', 60 * PAGE + 1, 5 * PAGE + 10],
    ['to a whole number of pages', 60 * PAGE, 20 * PAGE],
    ['to nothing', 3 * PAGE, 0],
    ['by a window', 50 * MiB + 7, 20 * MiB],
  ])('has shrunk %s', async (name, before, after) => {
    const content = pattern(before);
    const path = files.write(`shrunk ${name}`, content);
    const file = await open(path);
    const lastPage = Math.ceil(before / PAGE) - 1;
    const set = file.getPages([0, lastPage]);
    await set.arrived;
    truncateSync(path, after);
    expect(await file.refresh()).toEqual({ size: after, change: 'shrunk' });
    expectThrown('OUT_OF_RANGE', () => file.tryPage(lastPage));
    expectThrown('OUT_OF_RANGE', () => file.getPages([lastPage]));
    expectThrown('OUT_OF_RANGE', () => file.read([Buffer.alloc(1)], [after]));
    // What was asked for before says what has become of it.
    for (let i = 0; i < 3; i++) expectThrown('TRUNCATED', () => set.bytes(1));
    await expectContent(file, content.subarray(0, after));
    await file.close();
  });

  test('has been replaced is read anew, while views and sets from before show the old one until close', async () => {
    const [before, after] = [pattern(40 * PAGE), pattern(90 * PAGE, 1)];
    const path = files.write('replaced', before);
    const file = await open(path);
    const set = file.getPages(numbers(40));
    await set.arrived;
    const view = await viewOf(file, 7);
    const { hits } = file.stats();
    replace(path, after);
    expect(await file.refresh()).toEqual({ size: after.length, change: 'replaced' });
    await expectContent(file, after);
    expect(Buffer.compare(view, before.subarray(7 * PAGE, 8 * PAGE))).toBe(0);
    const seen = new Map<number, Buffer>();
    for await (const entry of set) seen.set(entry, Buffer.from(set.bytes(entry)));
    expect(Buffer.concat(numbers(40).map((page) => seen.get(page) as Buffer)).equals(before)).toBe(true);
    expect(file.stats().hits).toBeGreaterThanOrEqual(hits);
    await file.close();
    expect(view.length).toBe(0);
    expectThrown('CLOSED', () => set.bytes(0));
    await untilNothingIsHeld(path);
  });

  test('has been deleted is an error of refresh, and can be read on', async () => {
    const content = pattern(20 * PAGE);
    const path = files.write('deleted', content);
    const file = await open(path);
    unlinkSync(path);
    for (let i = 0; i < 2; i++) expect((await expectRejected('IO', file.refresh())).errno).toBe(constants.errno.ENOENT);
    await expectContent(file, content);
    writeFileSync(path, content.subarray(0, 100));
    expect(await file.refresh()).toEqual({ size: 100, change: 'replaced' });
    await expectContent(file, content.subarray(0, 100));
    await file.close();
  });

  test('is a directory now is an error of refresh, and can be read on', async () => {
    const content = pattern(20 * PAGE);
    const path = files.write('directory', content);
    const file = await open(path);
    unlinkSync(path);
    mkdirSync(path);
    await expectRejected('UNSUPPORTED', file.refresh(), /directory/);
    await expectContent(file, content);
    rmSync(path, { recursive: true });
    await file.close();
  });

  test('was opened by a handle is never replaced, but grows', async () => {
    const content = pattern(30 * PAGE);
    const path = files.write('handle', content.subarray(0, 10 * PAGE));
    const handle = await fs.open(path);
    const file = await open(handle);
    await handle.close();
    appendFileSync(path, content.subarray(10 * PAGE));
    expect(await file.refresh()).toEqual({ size: content.length, change: 'grown' });
    replace(path, pattern(PAGE, 1));
    expect(await file.refresh()).toEqual({ size: content.length, change: 'none' });
    await expectContent(file, content);
    await file.close();
  });
});

test('a relative path means the folder in which it was opened', async () => {
  const path = files.write('relative', pattern(PAGE));
  const here = process.cwd();
  process.chdir(dirname(path));
  const file = await open(basename(path));
  process.chdir('/');
  try {
    replace(path, pattern(2 * PAGE, 1));
    expect(await file.refresh()).toEqual({ size: 2 * PAGE, change: 'replaced' });
    await expectContent(file, pattern(2 * PAGE, 1));
  } finally {
    process.chdir(here);
    await file.close();
  }
});

test('several at once look once, and agree', async () => {
  const path = files.write('several', pattern(PAGE));
  const file = await open(path);
  for (let round = 2; round < 30; round++) {
    const content = pattern(round * PAGE, round);
    replace(path, content);
    const answers = await Promise.all(numbers(5).map(() => file.refresh()));
    expect(answers).toEqual(new Array(5).fill({ size: content.length, change: 'replaced' }));
    await expectContent(file, content);
  }
  await file.close();
});

test('a file that another process appends to all the time is right up to the size of the last refresh', async () => {
  const path = files.write('appended', '');
  const { stdout, ...rest } = await runProgram('reading-what-grows.cjs', [path, String(24 * MiB)]);
  expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
  const { wrong, grown, size } = JSON.parse(stdout);
  expect({ wrong, size }).toEqual({ wrong: 0, size: 24 * MiB });
  expect(grown).toBeGreaterThan(0);
});

describe('while entries are being read', () => {
  test('a file that grows yields them all', async () => {
    const content = pattern(3000 * PAGE);
    const path = files.write('iterated', content);
    const file = await open(path);
    const set = file.getPages(numbers(3000));
    let entries = 0;
    for await (const entry of set) {
      expect(Buffer.compare(set.bytes(entry), content.subarray(entry * PAGE, (entry + 1) * PAGE))).toBe(0);
      if (entries++ % 300 === 0) {
        appendFileSync(path, Buffer.alloc(5000));
        await file.refresh();
      }
    }
    expect(entries).toBe(3000);
    await file.close();
  });

  test('a file that is replaced yields the old ones', async () => {
    const content = pattern(3000 * PAGE);
    const path = files.write('iterated and replaced', content);
    const file = await open(path);
    const set = file.getPages(numbers(3000));
    let entries = 0;
    for await (const entry of set) {
      if (entries++ % 1000 === 0) {
        replace(path, pattern(PAGE * (entries + 1), 1));
        await file.refresh();
      }
      // The page may leave memory while refresh is awaited, and then its view has to be asked for again.
      const bytes = await bytesOf(set, entry);
      if (bytes) expect(Buffer.compare(bytes, content.subarray(entry * PAGE, (entry + 1) * PAGE))).toBe(0);
    }
    expect(entries).toBe(3000);
    await file.close();
  });

  test('a file that shrinks fails those that are cut off, and no others', async () => {
    const content = pattern(2000 * PAGE);
    const path = files.write('iterated and shrunk', content);
    const file = await open(path);
    const set = file.getRanges(numbers(2000).map((page) => ({ offset: page * PAGE, length: PAGE })));
    let [entries, failed] = [0, 0];
    for await (const entry of set) {
      if (entries++ === 10) {
        truncateSync(path, 1000 * PAGE);
        await file.refresh();
      }
      if (entry < 1000) {
        const bytes = await bytesOf(set, entry);
        if (bytes) expect(Buffer.compare(bytes, content.subarray(entry * PAGE, (entry + 1) * PAGE))).toBe(0);
      } else if (entries > 10) {
        expectThrown('TRUNCATED', () => set.bytes(entry));
        failed++;
      }
    }
    expect({ entries, few: failed < 980 }).toEqual({ entries: 2000, few: false });
    await file.close();
  });

  when(slowFolderLacks()).test('a slow file that grows or is replaced still brings what was asked for', async () => {
    const folder = await startSlowFolder({ readDelay: 20 });
    try {
      const [before, after] = [pattern(64 * PAGE), pattern(64 * PAGE, 1)];
      const path = await folder.write('slow', before);
      const file = await open(path);
      await folder.hang('slow');
      const reading = readRange(file, 0, before.length);
      await folder.untilHung(1, 'slow');
      await folder.write('slow.next', after);
      renameSync(folder.path('slow.next'), path);
      expect(await file.refresh()).toEqual({ size: after.length, change: 'replaced' });
      await folder.release();
      const second = await readPage(file, 3);
      // What was under way is of the old file, whole; what was asked for again after an eviction may be of the new one.
      const first = await reading;
      expect(first.equals(before) || first.equals(after)).toBe(true);
      expect(second.equals(after.subarray(3 * PAGE, 4 * PAGE))).toBe(true);
      await file.close();
    } finally {
      await folder.stop();
    }
  });
});

describe('close', () => {
  test('during a refresh, at any moment, rejects it with CLOSED or comes after it, and leaves nothing', async () => {
    const path = files.write('closed', pattern(PAGE));
    for (let round = 0; round < 40; round++) {
      const file = await open(path);
      await readPage(file, 0);
      if (round % 2 === 0) replace(path, pattern(2 * PAGE, round));
      const outcome = file.refresh().then(
        ({ change }) => change,
        ({ code }) => code,
      );
      for (let steps = round >> 1; steps > 0; steps--) await (steps % 3 === 0 ? new Promise(setImmediate) : undefined);
      await file.close();
      expect(['CLOSED', 'none', 'replaced']).toContain(await outcome);
      expectThrown('CLOSED', () => file.tryPage(0));
      await expectRejected('CLOSED', file.refresh());
    }
    await untilNothingIsHeld(path);
  });
});

test('hundreds of refreshes of a file that grows leave one descriptor and few mappings, and close leaves none', async () => {
  const path = files.write('often', '');
  const file = await open(path);
  for (let round = 0; round < 1000; round++) {
    appendFileSync(path, Buffer.alloc(1000, round));
    expect((await file.refresh()).change).toBe('grown');
    if (round % 10 === 0) await readPage(file, file.pageCount - 1);
  }
  expect(held(path).descriptors).toBe(1);
  await file.close();
  await untilNothingIsHeld(path);
});

test('hundreds of replaced files leave nothing after close', async () => {
  const path = files.write('replaced often', pattern(PAGE));
  const file = await open(path);
  for (let round = 1; round < 300; round++) {
    replace(path, pattern(PAGE * (1 + (round % 7)), round));
    expect((await file.refresh()).change).toBe('replaced');
    const last = file.pageCount - 1;
    expect((await readPage(file, last)).equals(pattern(file.size, round).subarray(last * PAGE))).toBe(true);
  }
  await file.close();
  await untilNothingIsHeld(path);
});

/** A view of a page; it is brought as often as it leaves. */
async function viewOf(file: MappedFile, page: number): Promise<Uint8Array> {
  for (;;) {
    const view = file.tryPage(page);
    if (view) return view;
    await file.getPages([page]).arrived;
  }
}

/** An entry's bytes, unless they have left memory since it was yielded. */
async function bytesOf(set: PageSet, entry: number): Promise<Uint8Array | undefined> {
  try {
    return set.bytes(entry);
  } catch (error) {
    if ((error as { code?: string }).code === 'NOT_RESIDENT') return undefined;
    throw error;
  }
}
