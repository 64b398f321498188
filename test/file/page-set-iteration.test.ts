import { type MappedFile, open, type PageSet } from '../../src/index';
import { evictMapped, evictUnmapped, GiB, MiB, pattern, TestFiles } from '../files';
import { bytesIfThere, collect } from '../reading';

const files = TestFiles.make();
const SIZE = 32 * MiB;
const content = pattern(SIZE);
const path = files.write('file', content);
let file: MappedFile;

beforeEach(async () => {
  evictUnmapped(path);
  file = await open(path);
});
afterEach(() => file.close());

/** A vector of which some pages are in memory and others, it is hoped, are not. */
async function mixedSet(): Promise<{ set: PageSet; pages: number[] }> {
  await file.getPages([{ first: 100, count: 50 }]).arrived;
  const pages = Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? 100 + (i % 50) : (i * 271) % 8192));
  return { set: file.getPages(pages), pages };
}

test('yields every entry exactly once, and the hits first', async () => {
  const { set, pages } = await mixedSet();
  const order = await collect(set);
  expect(order).toHaveLength(pages.length);
  expect([...order].sort((a, b) => a - b)).toEqual([...pages.keys()]);
  expect(order.slice(0, set.hits).every((entry) => set.isHit(entry))).toBe(true);
  expect(order.slice(set.hits).some((entry) => set.isHit(entry))).toBe(false);
  expect(set.complete).toBe(true);
});

test('yields entries whose bytes are right', async () => {
  const { set, pages } = await mixedSet();
  let compared = 0;
  for await (const entry of set) {
    const bytes = bytesIfThere(set, entry);
    const page = pages[entry] ?? 0;
    if (bytes) {
      expect(content.compare(bytes, 0, bytes.length, page * file.pageSize, (page + 1) * file.pageSize)).toBe(0);
      compared += 1;
    }
  }
  // A page may leave in the moment between; not all of them do.
  expect(compared).toBeGreaterThan(pages.length / 2);
});

test('yields each of several entries for the same page', async () => {
  const hole = await open(files.sparse('hole', GiB));
  const set = hole.getPages([7, 9, 7, { first: 6, count: 3 }, 7]);
  expect((await collect(set)).sort()).toEqual([0, 1, 2, 3, 4]);
  await hole.close();
});

test('yields nothing for an empty vector', async () => {
  expect(await collect(file.getPages([]))).toEqual([]);
});

test('can be iterated again after it was complete', async () => {
  const { set, pages } = await mixedSet();
  const first = await collect(set);
  const second = await collect(set);
  expect([...second].sort((a, b) => a - b)).toEqual([...pages.keys()]);
  expect(second.slice(0, set.hits).every((entry) => set.isHit(entry))).toBe(true);
  expect(first).toHaveLength(second.length);
});

test('can be iterated by several at once, each of whom gets every entry', async () => {
  const { set, pages } = await mixedSet();
  const orders = await Promise.all([collect(set), collect(set), collect(set)]);
  for (const order of orders) expect([...order].sort((a, b) => a - b)).toEqual([...pages.keys()]);
});

test('an iteration that begins when some have arrived yields every entry', async () => {
  const hole = await open(files.sparse('second hole', GiB));
  const pages = Array.from({ length: 2000 }, (_, i) => i * 131);
  const set = hole.getPages(pages);
  const early: number[] = [];
  for await (const entry of set) {
    early.push(entry);
    if (early.length === 700) break;
  }
  expect(new Set(early).size).toBe(700);
  expect([...(await collect(set))].sort((a, b) => a - b)).toEqual([...pages.keys()]);
  await hole.close();
});

test('breaking out of the loop leaves the set whole', async () => {
  const { set, pages } = await mixedSet();
  for await (const entry of set) {
    expect(entry).toBeGreaterThanOrEqual(0);
    break;
  }
  expect(await set.arrived).toBe(set);
  expect(set.complete).toBe(true);
  expect(await collect(set)).toHaveLength(pages.length);
});

test('throwing out of the loop leaves the set whole', async () => {
  const { set } = await mixedSet();
  const failure = new Error('enough');
  const reading = (async () => {
    for await (const _ of set) throw failure;
  })();
  await expect(reading).rejects.toBe(failure);
  expect(await set.arrived).toBe(set);
});

test('an iterator that is asked ahead answers every question, each with an entry of its own', async () => {
  const hole = await open(files.sparse('third hole', GiB));
  const iterator = hole.getPages([1, 1000, 2000, 3000])[Symbol.asyncIterator]();
  const answers = await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next(), iterator.next(), iterator.next()]);
  expect(
    answers
      .filter(({ done }) => !done)
      .map(({ value }) => value)
      .sort(),
  ).toEqual([0, 1, 2, 3]);
  expect(answers.map(({ done }) => Boolean(done))).toEqual([false, false, false, false, true, true]);
  await hole.close();
});

test('an iterator that is returned while a question is open ends', async () => {
  const hole = await open(files.sparse('fourth hole', GiB));
  const set = hole.getPages(Array.from({ length: 5000 }, (_, i) => i * 50));
  const iterator = set[Symbol.asyncIterator]();
  const question = iterator.next();
  await iterator.return?.();
  await question;
  expect((await iterator.next()).done).toBe(true);
  await set.arrived;
  await hole.close();
});

test('work between two entries does not lose any', async () => {
  const hole = await open(files.sparse('fifth hole', GiB));
  const set = hole.getPages(Array.from({ length: 60 }, (_, i) => i * 4001));
  const order: number[] = [];
  for await (const entry of set) {
    order.push(entry);
    if (order.length % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    // In the turn of its entry, the bytes are there; the machine may still have reclaimed them, which is said and not guessed.
    expect(bytesIfThere(set, entry)?.length ?? hole.pageSize).toBe(hole.pageSize);
  }
  expect(order.sort((a, b) => a - b)).toEqual([...Array(60).keys()]);
  await hole.close();
});

test.each(['hits', 'arrivals'])('%s that have left memory before their turn are brought back for it', async (kind) => {
  const own = files.patterned(kind, 16 * 4096);
  for (let bytesMissing = true; bytesMissing; ) {
    if (kind === 'arrivals') evictUnmapped(own);
    const small = await open(own, { trust: 'never' });
    if (kind === 'hits') await small.getPages([{ first: 0, count: 16 }]).arrived;
    const set = small.getPages([...Array(16).keys()]);
    await set.arrived;
    evictMapped(own, 0, 16);
    const order: number[] = [];
    bytesMissing = false;
    for await (const entry of set) {
      order.push(entry);
      // Between its turn and this line a page could be reclaimed once more: then all of it is done again.
      if (!bytesIfThere(set, entry)) bytesMissing = true;
    }
    expect(order.sort((a, b) => a - b)).toEqual([...Array(16).keys()]);
    await small.close();
  }
});
