import { getEventListeners } from 'node:events';
import { type MappedFile, NofaultError, open } from '../../src/index';
import { GiB, MiB, pattern, TestFiles } from '../files';
import { bytesIfThere, collect, readPage } from '../reading';

const files = TestFiles.make();
/** Pages of a hole that nobody has read: each is a miss when it is first asked for. */
const MANY = 50_000;
let hole: MappedFile;
let turn = 0;

beforeEach(async () => {
  turn += 1;
  hole = await open(files.sparse(`hole-${turn}`, 64 * GiB));
});
afterEach(() => hole.close());

const manyPages = (): number[] => Array.from({ length: MANY }, (_, i) => i * 320 + 7);

test('a signal aborted before the call fails the misses with its reason', async () => {
  const reason = new Error('not needed any more');
  const set = hole.getPages([1, 2, 3], { signal: AbortSignal.abort(reason) });
  await expect(set.arrived).rejects.toBe(reason);
  expect(set.complete).toBe(true);
  for (const entry of [0, 1, 2]) expect(() => set.bytes(entry)).toThrow(reason);
});

test('a signal aborted before the call leaves what is in memory readable', async () => {
  const reason = new Error('not needed any more');
  const small = files.path('small');
  for (;;) {
    // Written just now, so in memory; should it be reclaimed at once, it is written again.
    files.write('small', pattern(4096));
    const file = await open(small);
    const set = file.getPages([0], { signal: AbortSignal.abort(reason) });
    set.arrived.catch(() => {});
    const bytes = set.isHit(0) ? bytesIfThere(set, 0) : undefined;
    const right = bytes && pattern(4096).equals(bytes);
    await file.close();
    if (right === undefined) continue;
    expect(right).toBe(true);
    break;
  }
});

test('a signal aborted in the turn of the call fails every miss with its reason', async () => {
  const controller = new AbortController();
  const set = hole.getPages(manyPages(), { signal: controller.signal });
  expect(set.misses).toBe(MANY);
  const reason = new Error('stop');
  controller.abort(reason);
  await expect(set.arrived).rejects.toBe(reason);
  expect(set.complete).toBe(true);
  expect(() => set.bytes(MANY - 1)).toThrow(reason);
});

test('a signal aborted half way keeps what arrived and fails the rest with its reason', async () => {
  const controller = new AbortController();
  const set = hole.getPages(manyPages(), { signal: controller.signal });
  const reason = new Error('enough');
  let yielded = 0;
  let arrived = 0;
  let failed = 0;
  for await (const entry of set) {
    yielded += 1;
    if (yielded === 100) controller.abort(reason);
    try {
      if (bytesIfThere(set, entry)) arrived += 1;
    } catch (error) {
      expect(error).toBe(reason);
      failed += 1;
    }
  }
  expect(yielded).toBe(MANY);
  expect(arrived).toBeGreaterThan(0);
  if (failed > 0) await expect(set.arrived).rejects.toBe(reason);
  else await set.arrived;
  expect(set.complete).toBe(true);
});

test('a signal aborted after everything arrived changes nothing', async () => {
  const controller = new AbortController();
  const set = hole.getPages([5, 6], { signal: controller.signal });
  await set.arrived;
  controller.abort(new Error('too late'));
  expect(await set.arrived).toBe(set);
  expect(bytesIfThere(set, 0)?.length ?? hole.pageSize).toBe(hole.pageSize);
  expect(await collect(set)).toHaveLength(2);
});

test('`arrived` asked for only after the abort rejects with the reason too', async () => {
  const controller = new AbortController();
  const set = hole.getPages(manyPages(), { signal: controller.signal });
  controller.abort('a string as the reason');
  await new Promise((resolve) => setImmediate(resolve));
  await expect(set.arrived).rejects.toBe('a string as the reason');
});

test('without a reason of its own, a signal fails with an AbortError as in Node', async () => {
  const set = hole.getPages([9], { signal: AbortSignal.abort() });
  await expect(set.arrived).rejects.toMatchObject({ name: 'AbortError' });
});

test('one who gives up takes nothing from another who waits for the same pages', async () => {
  const controller = new AbortController();
  const pages = manyPages();
  const given = hole.getPages(pages, { signal: controller.signal });
  const kept = hole.getPages(pages);
  given.arrived.catch(() => {});
  controller.abort(new Error('only mine'));
  expect(await kept.arrived).toBe(kept);
  expect(kept.complete).toBe(true);
});

test('pages that were given up can be asked for again', async () => {
  for (let round = 0; round < 20; round++) {
    const controller = new AbortController();
    const set = hole.getPages(manyPages().slice(0, 500), { signal: controller.signal });
    controller.abort(round);
    await expect(set.misses > 0 ? set.arrived : Promise.reject(round)).rejects.toBe(round);
  }
  expect(await readPage(hole, 7)).toEqual(Buffer.alloc(hole.pageSize));
  await hole.getPages(manyPages().slice(0, 500)).arrived;
  expect(hole.stats().inFlight).toBe(0);
});

test('one signal can serve many calls', async () => {
  const controller = new AbortController();
  const sets = Array.from({ length: 50 }, (_, i) => hole.getPages([i * 1000 + 3], { signal: controller.signal }));
  const reason = new Error('all of you');
  controller.abort(reason);
  for (const set of sets) await expect(set.arrived).rejects.toBe(reason);
});

test('a signal that lives long keeps no call that is over', async () => {
  const controller = new AbortController();
  for (let i = 0; i < 50; i++) await hole.getPages([i * 900 + 1], { signal: controller.signal }).arrived;
  await hole.read([Buffer.alloc(10)], [20 * GiB], { signal: controller.signal });
  // At most one listener for the signal, however many calls it served.
  expect(getEventListeners(controller.signal, 'abort').length).toBeLessThanOrEqual(1);
});

test('ranges are given up in the same way', async () => {
  const controller = new AbortController();
  const set = hole.getRanges(
    Array.from({ length: 5000 }, (_, i) => ({ offset: i * 8 * MiB + 5, length: 10_000 })),
    { signal: controller.signal },
  );
  const reason = new Error('ranges too');
  controller.abort(reason);
  await expect(set.arrived).rejects.toBe(reason);
});

test('the errors of nofault are not used for giving up', async () => {
  const controller = new AbortController();
  const set = hole.getPages([77_777], { signal: controller.signal });
  controller.abort();
  const error: unknown = await set.arrived.catch((reason: unknown) => reason);
  expect(error).not.toBeInstanceOf(NofaultError);
  // Nor is it counted as a failure of the file.
  expect(hole.stats().lastError).toBeUndefined();
});

describe('open', () => {
  const path = files.patterned('to be opened', 5000);

  test('rejects with the reason of a signal that is aborted before', async () => {
    const reason = new Error('never mind');
    await expect(open(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('rejects with the reason of a signal that is aborted meanwhile', async () => {
    const controller = new AbortController();
    const opening = open(path, { signal: controller.signal });
    const reason = new Error('never mind');
    controller.abort(reason);
    await expect(opening).rejects.toBe(reason);
  });

  test('a signal that is aborted after opening leaves the file open', async () => {
    const controller = new AbortController();
    const file = await open(path, { signal: controller.signal });
    controller.abort();
    expect(await readPage(file, 0)).toEqual(pattern(4096));
    await file.close();
  });
});
