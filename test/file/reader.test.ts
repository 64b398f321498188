import { truncateSync } from 'node:fs';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { open, type PageSet } from '../../src/index';
import { expectThrown } from '../failures';
import { evictMapped, evictUnmapped, pattern, TestFiles } from '../files';
import { bytesIfThere } from '../reading';

const files = TestFiles.make();
const PAGES = 64;
const content = pattern(PAGES * 4096, 9);
const all = [...Array(PAGES).keys()];
const turn = (): Promise<void> => new Promise(setImmediate);

/** Whether each entry is served, and with the file's bytes. */
function servesAll(set: PageSet): boolean {
  return all.every((entry) => content.subarray(entry * 4096, (entry + 1) * 4096).equals(set.bytes(entry)));
}

describe.each(['watch', 'never'] as const)('with trust %s, for a thread', (trust) => {
  test('what has arrived is served in every later turn, even when it has left memory since', async () => {
    const path = files.write(`left-${trust}`, content);
    evictUnmapped(path);
    const file = await open(path, { trust });
    const set = file.getPages(all, { reader: 'thread' });
    await set.arrived;
    for (let round = 0; round < 3; round++) {
      await turn();
      expect(servesAll(set)).toBe(true);
      // That it leaves is up to the kernel; the next touch brings it back.
      evictMapped(path, 0, PAGES);
    }
    await file.close();
  });

  test('hits are served at once, and later', async () => {
    const path = files.write(`hits-${trust}`, content);
    const file = await open(path, { trust });
    await file.getPages(all).arrived;
    const set = file.getPages(all, { reader: 'thread' });
    await set.arrived;
    await turn();
    expect(servesAll(set)).toBe(true);
    const yielded: number[] = [];
    for await (const entry of set) yielded.push(entry);
    expect(yielded.sort((a, b) => a - b)).toEqual(all);
    await file.close();
  });

  test('what has not arrived is not served', async () => {
    const path = files.sparse(`far-${trust}`, 2 ** 36);
    const file = await open(path, { trust });
    const set = file.getPages(
      Array.from({ length: 50_000 }, (_, i) => i * 300),
      { reader: 'thread' },
    );
    // The last ones cannot have been fetched before this line, unless this thread was held for long.
    const last = Array.from({ length: 1000 }, (_, i) => bytesIfThere(set, 49_999 - i));
    expect(last).toContain(undefined);
    await set.arrived;
    expect(set.bytes(49_999)).toHaveLength(4096);
    await file.close();
  });
});

test('a thread can read the bytes while the loop goes on', async () => {
  const path = files.write('deflated', content);
  evictUnmapped(path);
  const file = await open(path);
  const set = file.getPages([{ first: 0, count: PAGES }], { reader: 'thread' });
  await set.arrived;
  expect(await promisify(deflateRaw)(set.bytes(0))).toEqual(await promisify(deflateRaw)(content));
  await file.close();
});

test('what the guard has covered is not served', async () => {
  const path = files.write('cut', content);
  const file = await open(path);
  const set = file.getPages(all, { reader: 'thread' });
  await set.arrived;
  truncateSync(path, 32 * 4096);
  // The touch meets the guard, which covers the page; the next call says so.
  expect(set.bytes(40)[0]).toBe(0);
  expectThrown('TRUNCATED', () => set.bytes(40));
  expectThrown('TRUNCATED', () => set.bytes(40));
  expect(content.subarray(4096, 2 * 4096).equals(set.bytes(1))).toBe(true);
  await file.close();
});

test('anybody else is refused', async () => {
  const file = await open(files.write('refused', content));
  for (const reader of ['worker', '', null, 1, {}]) {
    const error = expectThrown('INVALID_ARGUMENT', () => file.getPages([0], { reader: reader as 'loop' }));
    expect(error.message).toMatch(/'loop' or 'thread'/);
  }
  await file.close();
});
