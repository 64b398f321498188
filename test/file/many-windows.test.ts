import { readFileSync } from 'node:fs';
import { type MappedFile, open } from '../../src/index';
import { GiB, MiB, pattern, TestFiles, TiB } from '../files';
import { bytesIfThere, readPage, untilAnswered } from '../reading';

const files = TestFiles.make();
/** Apart far enough that each page lies in a window of its own, whatever the window's size below 64 MiB. */
const STRIDE = 64 * MiB;

// Tens of thousands of windows take a while on a machine that does much else; nothing here is about how long.
jest.setTimeout(300_000);

function mappings(): number {
  return readFileSync('/proc/self/maps', 'utf8').split('\n').length;
}

/** Reads the pages and looks at each, so that the window of each is mapped. */
async function touch(file: MappedFile, pages: number[]): Promise<void> {
  const set = file.getPages(pages);
  for await (const entry of set) expect(bytesIfThere(set, entry)?.length ?? file.pageSize).toBe(file.pageSize);
}

test('one vector that touches 3,000 windows arrives completely', async () => {
  const windows = 3000;
  const marks = Array.from({ length: 30 }, (_, i) => ({ offset: i * 100 * STRIDE, content: pattern(4096, i + 1) }));
  const file = await open(files.sparse('wide', windows * STRIDE, marks));
  const pages = Array.from({ length: windows }, (_, i) => (i * STRIDE) / file.pageSize);
  const set = file.getPages(pages);
  expect(await set.arrived).toBe(set);
  expect(set.complete).toBe(true);
  for (let i = 0; i < 30; i++) {
    const bytes = bytesIfThere(set, i * 100) ?? (await readPage(file, pages[i * 100] ?? 0));
    expect(pattern(4096, i + 1).equals(bytes)).toBe(true);
  }
  expect(file.stats()).toMatchObject({ inFlight: 0, errors: 0 });
  await file.close();
});

test('a file of 2 TiB is read from end to end, a page every 32 MiB, with a bounded number of mappings', async () => {
  const file = await open(files.sparse('long', 2 * TiB, [{ offset: 2 * TiB - 4096, content: pattern(4096) }]));
  const step = (32 * MiB) / file.pageSize;
  const batch = 256;
  const before = mappings();
  let most = 0;
  for (let first = 0; first < file.pageCount; first += step * batch) {
    await touch(
      file,
      Array.from({ length: batch }, (_, i) => first + i * step),
    );
    most = Math.max(most, mappings());
  }
  // 65,536 pages lie in as many windows; a process may have no more than 65,530 mappings, and other parts of it need some too.
  expect(most - before).toBeLessThan(45_000);
  expect(await readPage(file, file.pageCount - 1)).toEqual(pattern(4096));
  await file.close();
});

test('reads that wait in windows far apart all arrive, though windows are let go meanwhile', async () => {
  const file = await open(files.sparse('far apart', 8 * TiB));
  const waiting = [];
  for (let k = 0; k < 40; k++) {
    waiting.push(file.getPages(Array.from({ length: 200 }, (_, i) => (i * 40 + k) * 262_144)).arrived);
    if (k % 8 === 0) await waiting[k];
  }
  await Promise.all(waiting);
  expect(file.stats()).toMatchObject({ inFlight: 0, errors: 0 });
  await file.close();
});

test('windows are let go for others to be mapped: views that are kept stay right, another file gets its windows, and closing ends them all', async () => {
  const size = 1.25 * TiB;
  const marks = Array.from({ length: 20 }, (_, i) => ({ offset: i * 64 * GiB, content: pattern(4096, i + 1) }));
  const file = await open(files.sparse('kept', size, marks));
  const step = STRIDE / file.pageSize;
  const kept: Uint8Array[] = [];
  for (let first = 0; first < file.pageCount; first += step * 1024) {
    await touch(
      file,
      Array.from({ length: 1024 }, (_, i) => first + i * step),
    );
    kept.push(
      await untilAnswered(
        () => file.tryPage(first),
        () => file.getPages([first]).arrived,
      ),
    );
  }
  // 20,480 windows have come by now, more than are kept at once.
  expect(kept).toHaveLength(20);
  for (const [i, view] of kept.entries()) expect(pattern(4096, i + 1).equals(view)).toBe(true);
  const other = await open(files.patterned('modest', 50_000));
  expect(await readPage(other, 3)).toEqual(pattern(50_000).subarray(3 * 4096, 4 * 4096));
  await other.close();
  await file.close();
  expect(kept.map((view) => view.length)).toEqual(new Array(20).fill(0));
});
