import { once } from 'node:events';
import { copyFileSync, readdirSync, readlinkSync, statSync, truncateSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import type { RoaringBitmap32 } from 'roaring';
import type { BitmapRef } from '../../src/bitmap/format';
import { Scanner } from '../../src/bitmap/scanner';
import type { Tree } from '../../src/bitmap/tree';
import { type MappedFile, open, openRoaring } from '../../src/index';
import { builtPackage } from '../built-package';
import { programPath } from '../child';
import { expectRejected } from '../failures';
import { evictUnmapped, TestFiles } from '../files';
import { bitmapOf, type Fill, Random, writeBitmaps } from './bitmap-file';

const files = TestFiles.make();
const CHUNKS = 200;
const rowCount = CHUNKS * 65_536;
const random = new Random(5);
/** A few MiB, so that a scan takes several steps and threads. */
const fills: Fill[] = Array.from({ length: CHUNKS }, () => random.pick(['bitset', 'array', 'dense', 'runs'] as const));
const [A, B] = [bitmapOf(fills, rowCount, random), bitmapOf([...fills].reverse(), rowCount, random)] as [RoaringBitmap32, RoaringBitmap32];
const path = files.path('large');
const refs = writeBitmaps(path, [A, B]) as [BitmapRef, BitmapRef];
const [a, b] = refs.map((ref): Tree => ({ kind: 'bitmap', ref })) as [Tree, Tree];
const tree: Tree = {
  kind: 'or',
  parts: [
    { kind: 'and', parts: [a, b] },
    { kind: 'minus', from: b, what: a },
  ],
};
const right = B.size;
const end = refs[1].offset + refs[1].length;

test('a file that is truncated under a scan is TRUNCATED, and zeros are never counted', async () => {
  const outcomes = new Set<string>();
  for (let i = 0; i < 40; i++) {
    const copy = files.path('truncated');
    copyFileSync(path, copy);
    if (i % 2 === 1) evictUnmapped(copy);
    const file = await open(copy);
    const scanner = new Scanner(file, rowCount);
    // Headers and pages are known and mapped; in every other run they are not.
    if (i % 2 === 0) expect(await scanner.count(tree)).toBe(right);
    const options = { priority: random.pick(['interactive', 'scan'] as const) };
    const under = [scanner.count(tree, options), scanner.count(tree), scanner.bitmap(tree, options).then(({ length }) => length)];
    for (const promise of under) promise.catch(() => {});
    for (let turn = random.below(6); turn > 0; turn--) await new Promise(setImmediate);
    truncateSync(copy, random.below(end));
    for (const [which, outcome] of (await Promise.allSettled(under)).entries()) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'TRUNCATED', path: copy });
      else if (which < 2) expect(outcome.value).toBe(right);
      outcomes.add(outcome.status);
    }
    truncateSync(copy, 10);
    await expectRejected('TRUNCATED', scanner.count(tree));
    await scanner.close();
    await file.close();
  }
  expect(outcomes).toContain('rejected');
});

describe('a file that is cut within a page that is in memory, which then has zeros that no touch tells', () => {
  // Arrays at the very end, in one page with what lies before them.
  const [few, fewer] = [bitmapOf(['few'], 65_536, random), bitmapOf(['few'], 65_536, random)];
  few.addMany([7, 65_000]);
  fewer.addMany([7, 65_000]);
  const both: Tree = { kind: 'and', parts: [] };

  async function cut(use: (file: MappedFile, scanner: Scanner) => Promise<void>): Promise<void> {
    const small = files.path('small');
    const [one, other] = writeBitmaps(small, [few, fewer]) as [BitmapRef, BitmapRef];
    Object.assign(both, { parts: [one, other].map((ref): Tree => ({ kind: 'bitmap', ref })) });
    const file = await open(small);
    const scanner = new Scanner(file, 65_536);
    // Headers are kept, and pages are mapped.
    expect(await scanner.count(both)).toBe(few.andCardinality(fewer));
    truncateSync(small, other.offset + other.length - 2);
    await use(file, scanner);
    await scanner.close();
    await file.close();
  }

  test('is TRUNCATED for whoever counts', () =>
    cut(async (_, scanner) => {
      await expectRejected('TRUNCATED', scanner.count(both));
      await expectRejected('TRUNCATED', scanner.bitmap(both));
    }));

  test('is TRUNCATED for who counts at once', () =>
    cut(async (file, scanner) => {
      // The page may leave memory, and then there is no answer.
      const outcome = (): unknown => {
        try {
          return scanner.tryCount(both);
        } catch (error) {
          return error;
        }
      };
      let found = outcome();
      for (; found === undefined; found = outcome()) await file.getPages([0]).arrived;
      expect(found).toMatchObject({ code: 'TRUNCATED' });
    }));

  test('is TRUNCATED for who asks a Roaring file for a value', async () => {
    const small = files.path('roaring');
    writeBitmaps(small, [few], 0);
    const bitmap = await openRoaring(small);
    expect(await bitmap.has(65_000)).toBe(true);
    truncateSync(small, statSync(small).size - 2);
    await expectRejected('TRUNCATED', bitmap.has(65_000));
    await expectRejected('TRUNCATED', bitmap.andCount(bitmap));
    await bitmap.close();
  });
});

test('a worker that is terminated while threads scan for it takes nothing down', async () => {
  for (let i = 0; i < 20; i++) {
    const worker = new Worker(programPath('worker-scanning.cjs'), { workerData: { built: builtPackage(), path, rowCount, tree } });
    const [count] = (await once(worker, 'message')) as [number];
    expect(count).toBe(right);
    await new Promise((resolve) => setTimeout(resolve, random.below(20)));
    await worker.terminate();
  }
  const file = await open(path);
  const scanner = new Scanner(file, rowCount);
  expect(await scanner.count(tree)).toBe(right);
  await scanner.close();
  await file.close();
});

test('closing while threads scan waits for them', async () => {
  for (let i = 0; i < 30; i++) {
    const file = await open(path);
    const scanner = new Scanner(file, rowCount);
    await scanner.count(tree);
    const under = [scanner.count(tree), scanner.bitmap(tree), scanner.count(tree)];
    for (const promise of under) promise.catch(() => {});
    for (let turn = random.below(4); turn > 0; turn--) await new Promise(setImmediate);
    await scanner.close();
    await file.close();
    for (const outcome of await Promise.allSettled(under)) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'CLOSED' });
    }
  }
});

test('closing the file while threads read its windows ends its views, and lets the event loop turn', async () => {
  for (let i = 0; i < 100; i++) {
    const file = await open(path);
    const scanner = new Scanner(file, rowCount);
    expect(await scanner.count(tree)).toBe(right);
    const view = (await file.getPages([0]).arrived).bytes(0);
    const options = { priority: random.pick(['interactive', 'scan'] as const) };
    const under = [scanner.count(tree, options), scanner.bitmap(tree, options), scanner.count(tree)];
    for (const promise of under) promise.catch(() => {});
    for (let turn = random.below(4); turn > 0; turn--) await new Promise(setImmediate);
    await file.close();
    expect(view.length).toBe(0);
    for (const outcome of await Promise.allSettled(under)) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'CLOSED' });
    }
    await scanner.close();
  }
});

test('a scan that is cancelled while it reads lets go of its file', async () => {
  const copy = files.path('cancelled');
  copyFileSync(path, copy);
  const descriptors = (): string[] => readdirSync('/proc/self/fd').filter((fd) => targetOf(fd) === copy);
  for (let i = 0; i < 20; i++) {
    evictUnmapped(copy);
    const file = await open(copy);
    const scanner = new Scanner(file, rowCount);
    const controller = new AbortController();
    const under = [scanner.count(tree, { signal: controller.signal }), scanner.bitmap(tree, { signal: controller.signal })];
    for (const promise of under) promise.catch(() => {});
    for await (const _ of scanner.rows(tree, { limit: 1 })) break;
    for (let turn = random.below(8); turn > 0; turn--) await new Promise(setImmediate);
    controller.abort();
    await Promise.allSettled(under);
    await scanner.close();
    await file.close();
  }
  // Threads close them, when the last read of each has ended.
  for (let tries = 0; descriptors().length > 0 && tries < 500; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(descriptors()).toEqual([]);
});

/** What a descriptor of this process leads to; undefined when it has just been closed. */
function targetOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}

test('garbage is collected meanwhile, and takes nothing that a scan needs', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  for (let i = 0; i < 4; i++) {
    // Anew each time, so that its windows have to be made while scans wait for them.
    const file = await open(path);
    const scanner = new Scanner(file, rowCount);
    let over = false;
    const collect = (): void => {
      if (over) return;
      collectGarbage();
      setImmediate(collect);
    };
    setImmediate(collect);
    expect(await Promise.all([scanner.count(tree), scanner.count(tree)])).toEqual([right, right]);
    let rows = 0;
    for await (const batch of scanner.rows(tree)) rows += batch.length;
    expect(rows).toBe(right);
    over = true;
    await scanner.close();
    await file.close();
  }
});

test('many scans at once read each page once', async () => {
  const copy = files.path('shared');
  copyFileSync(path, copy);
  evictUnmapped(copy);
  const file = await open(copy);
  const scanner = new Scanner(file, rowCount);
  // Some want copies, and some have the same pages mapped.
  const priority = (i: number) => (i % 2 === 0 ? 'scan' : 'interactive');
  const counts = await Promise.all(Array.from({ length: 16 }, (_, i) => scanner.count(tree, { priority: priority(i) })));
  expect(new Set(counts)).toEqual(new Set([right]));
  // Some leave memory again, or are asked for together with a neighbour that was here already; but not sixteen times.
  expect(file.stats().bytesFetched).toBeLessThan(3 * end);
  await scanner.close();
  await file.close();
});
