import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, renameSync, truncateSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { type MappedFile, open } from '../../src/index';
import { builtPackage } from '../built-package';
import { programPath } from '../child';
import { expectRejected, expectThrown } from '../failures';
import { evictMapped, GiB, MiB, pattern, TestFiles } from '../files';
import { bytesIfThere } from '../reading';
import { everySecond, expectLocked, lockedByKernel, runLocking } from './locked';

const files = TestFiles.make();
const PAGE = 4096;

async function residentBytes(file: MappedFile, first: number, count: number): Promise<number> {
  return (await file.residency({ offset: first * PAGE, length: count * PAGE })).residentBytes;
}

beforeEach(() => expect(lockedByKernel()).toBe(0));

describe('what is locked', () => {
  test('exactly the pages of the vector, however they are named; unlocking lets go of exactly those it names', async () => {
    const file = await open(files.patterned('counted', 100 * PAGE + 17));
    await file.lock([7, 3, { first: 10, count: 5 }, 3, { first: 12, count: 6 }]);
    expectLocked(file, 10);
    await file.lock(Uint32Array.of(100, 99));
    expectLocked(file, 12);
    await file.lock([{ first: 5, count: 20 }]);
    expectLocked(file, 23);
    await file.unlock([10, 4, { first: 90, count: 11 }]);
    expectLocked(file, 20);
    await file.unlock([{ first: 0, count: 101 }]);
    expectLocked(file, 0);
    await file.close();
  });

  test('locking twice counts once, and unlocking once is enough', async () => {
    const file = await open(files.patterned('twice', 50 * PAGE));
    await Promise.all([file.lock([1, 2, 3]), file.lock([2, 3, 4])]);
    await file.lock([1, 4]);
    expectLocked(file, 4);
    await file.unlock([1, 2, 3, 4]);
    expectLocked(file, 0);
    await file.unlock([1, 2, 3, 4]);
    expectLocked(file, 0);
    await file.close();
  });

  test('nothing, for an empty vector', async () => {
    const file = await open(files.patterned('empty vector', 5 * PAGE));
    await file.lock([]);
    await file.unlock([]);
    expectLocked(file, 0);
    await file.close();
  });

  test('runs that cross from one window into the next, each page once', async () => {
    const border = (32 * MiB) / PAGE;
    const file = await open(files.sparse('three windows', 96 * MiB, [{ offset: 32 * MiB, content: pattern(PAGE) }]));
    await file.lock([
      { first: border - 3, count: 10 },
      { first: 2 * border - 1, count: 2 },
    ]);
    expect([lockedByKernel(), file.stats().lockedBytes]).toEqual([12 * PAGE, 12 * PAGE]);
    const set = file.getPages([{ first: border - 1, count: 2 }]);
    await set.arrived;
    expect(set.bytes(0).subarray(PAGE)).toEqual(new Uint8Array(pattern(PAGE)));
    await file.unlock([border, 2 * border]);
    expect([lockedByKernel(), file.stats().lockedBytes]).toEqual([10 * PAGE, 10 * PAGE]);
    await file.close();
  });

  test('a million entries are as many pages as they name', async () => {
    const file = await open(files.sparse('a million', 64 * MiB));
    await file.lock(Uint32Array.from({ length: 1_000_000 }, (_, i) => (i * 7919) % 1000));
    expect([lockedByKernel(), file.stats().lockedBytes]).toEqual([1000 * PAGE, 1000 * PAGE]);
    await file.close();
  });

  test('by each file that locks it, though it is the same file', async () => {
    const path = files.patterned('opened twice', 50 * PAGE);
    const [one, other] = [await open(path), await open(path)];
    await Promise.all([one.lock([1, 2]), other.lock([2])]);
    expect([one.stats().lockedBytes, other.stats().lockedBytes, lockedByKernel()]).toEqual([2 * PAGE, PAGE, 3 * PAGE]);
    await one.close();
    expectLocked(other, 1);
    await other.close();
  });

  test('what a lock that is still under way has not been told to unlock since', async () => {
    const file = await open(files.sparse('changed mind', GiB));
    const locking = file.lock(everySecond(500));
    const unlocking = file.unlock(everySecond(200));
    await Promise.all([locking, unlocking]);
    expect([lockedByKernel(), file.stats().lockedBytes]).toEqual([300 * PAGE, 300 * PAGE]);
    await file.close();
  });
});

describe('locked pages', () => {
  test('stay when all else is reclaimed', async () => {
    const cgroup = makeMemoryCgroup();
    if (cgroup === undefined) {
      console.warn('skipped: needs root and the memory controller of cgroups, to have memory reclaimed');
      return;
    }
    try {
      const count = 512;
      const result = runLocking('locking-beside-reclaim.cjs', [files.sparse('reclaimed', 2 * count * PAGE), cgroup]);
      const { even, odd } = JSON.parse(result) as { even: number; odd: number };
      expect(even).toBe(count);
      // Otherwise nothing has been reclaimed, and the page above proves nothing.
      expect(odd).toBeLessThan(count);
    } finally {
      spawnSync('rmdir', [cgroup]);
    }
  });

  test('are there and mapped although the rest of a large folio that they lie in is not locked', async () => {
    const path = files.patterned('large folios', 16 * MiB);
    // Read from end to end, so that the kernel keeps it in folios as large as it has.
    readFileSync(path);
    const file = await open(path);
    await file.lock(everySecond(500, 1));
    expectLocked(file, 500);
    await file.lock([{ first: 2304, count: 1536 }]);
    expectLocked(file, 500 + 1536);
    // Cutting a mapping may unmap the pages around the cut; they are locked still.
    await file.unlock([2400, 3000, 3500]);
    expectLocked(file, 500 + 1533);
    await file.close();
  });

  test('that a direct write has evicted all the same come back with the next lock', async () => {
    const path = files.patterned('written', 64 * PAGE);
    const file = await open(path);
    await file.lock([{ first: 0, count: 32 }]);
    if (!evictMapped(path, 0, 32)) {
      console.warn('skipped: the file system has no direct writing');
      await file.close();
      return;
    }
    await file.lock([{ first: 0, count: 32 }]);
    expectLocked(file, 32);
    expect(await residentBytes(file, 0, 32)).toBe(32 * PAGE);
    await file.close();
  });

  test('keep their window, though there are too many windows', async () => {
    const stride = 64 * MiB;
    const windows = 20_480;
    const page = (100 * stride) / PAGE + 5;
    const file = await open(files.sparse('many windows', windows * stride, [{ offset: page * PAGE, content: pattern(PAGE) }]));
    for (let at = 0; at < windows; at += 1024) {
      const set = file.getPages(Array.from({ length: 1024 }, (_, i) => ((at + i) * stride) / PAGE));
      for await (const entry of set) bytesIfThere(set, entry);
      // One of the many, and among those that are let go first.
      if (at === 0) await file.lock([page]);
    }
    expect(file.stats().windows).toBeLessThan(windows);
    // A window that was let go is unmapped when it is collected.
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    for (let turn = 0; turn < 3; turn++) {
      collect();
      await new Promise(setImmediate);
    }
    expectLocked(file, 1);
    expect(file.tryPage(page)).toEqual(new Uint8Array(pattern(PAGE)));
    await file.close();
  });
});

describe('refreshing', () => {
  test('a file that has grown or shrunk keeps its locks, as far as it still has the pages', async () => {
    const path = files.sparse('resized', 40 * MiB);
    const border = (32 * MiB) / PAGE;
    const file = await open(path);
    await file.lock([5, { first: border - 2, count: 4 }, border + 100]);
    truncateSync(path, 90 * MiB);
    expect((await file.refresh()).change).toBe('grown');
    expect([lockedByKernel(), file.stats().lockedBytes]).toEqual([6 * PAGE, 6 * PAGE]);
    await file.lock([2 * border]);
    truncateSync(path, 32 * MiB + PAGE);
    expect((await file.refresh()).change).toBe('shrunk');
    expect([lockedByKernel(), file.stats().lockedBytes]).toEqual([4 * PAGE, 4 * PAGE]);
    await file.close();
    expect(lockedByKernel()).toBe(0);
  });

  test('a file that was replaced has nothing locked, and can be locked anew', async () => {
    const path = files.patterned('replaced', 20 * PAGE);
    const file = await open(path);
    await file.lock([1, 2, 3]);
    renameSync(files.patterned('its replacement', 30 * PAGE), path);
    expect((await file.refresh()).change).toBe('replaced');
    expect(file.stats().lockedBytes).toBe(0);
    await file.lock([25]);
    while (lockedByKernel() > PAGE) await new Promise(setImmediate);
    expect([lockedByKernel(), file.stats().lockedBytes]).toEqual([PAGE, PAGE]);
    await file.close();
  });
});

describe('closing', () => {
  test('unlocks', async () => {
    const file = await open(files.patterned('closed', 100 * PAGE));
    await file.lock(everySecond(50));
    expectLocked(file, 50);
    await file.close();
    expectLocked(file, 0);
  });

  test('rejects what is under way with CLOSED, and leaves nothing locked', async () => {
    for (let round = 0; round < 20; round++) {
      const file = await open(files.sparse(`closing ${round}`, GiB));
      await file.lock([1]);
      const calls = [...Array.from({ length: 3 }, (_, k) => file.lock(everySecond(500, 10_000 * k))), file.unlock([1])];
      const pending = calls.map((call) =>
        call.then(
          () => 'done',
          ({ code }) => code,
        ),
      );
      // Between any of the steps.
      for (let turn = 0; turn < 4 * round; turn++) await new Promise(setImmediate);
      await file.close();
      const outcomes = await Promise.all(pending);
      // What came in time is fine; nothing comes later, and nothing stays.
      for (const outcome of outcomes) expect(['done', 'CLOSED']).toContain(outcome);
      if (round === 0) expect(outcomes).toEqual(outcomes.map(() => 'CLOSED'));
      expectLocked(file, 0);
    }
  });

  test('comes first: a closed file answers CLOSED', async () => {
    const file = await open(files.patterned('closed before', 10 * PAGE));
    await file.close();
    await expectRejected('CLOSED', file.lock([1]));
    await expectRejected('CLOSED', file.unlock([1]));
  });

  test('may be left to the garbage collector: a file that nobody has any more is unlocked', () => {
    const result = runLocking('locked-then-forgotten.cjs', [files.patterned('forgotten', 20 * PAGE)]);
    expect(JSON.parse(result)).toEqual({ locked: 5 * PAGE });
  });
});

test('a worker may end in the midst of locking and unlocking; nothing stays locked', async () => {
  const path = files.patterned('in a worker', 16 * MiB);
  for (let round = 0; round < 5; round++) {
    const worker = new Worker(programPath('worker-locking.cjs'), { workerData: { built: builtPackage(), path } });
    await once(worker, 'message');
    for (let turn = 0; turn < 3 * round; turn++) await new Promise(setImmediate);
    await worker.terminate();
    while (lockedByKernel() > 0) await new Promise(setImmediate);
  }
});

test('wrong vectors are refused at once', async () => {
  const file = await open(files.patterned('arguments', 10 * PAGE));
  const as = <T>(value: unknown): T => value as T;
  for (const call of [(v: unknown) => file.lock(as(v)), (v: unknown) => file.unlock(as(v))]) {
    for (const vector of [undefined, null, 5, {}, ['1'], [1.5], [null], [{ first: 0 }], [{ first: 0, count: 0 }]])
      expectThrown('INVALID_ARGUMENT', () => call(vector), /came/);
    for (const vector of [[10], [-1], [2 ** 53], [{ first: 5, count: 6 }], Uint32Array.of(10)])
      expectThrown('OUT_OF_RANGE', () => call(vector), /10 pages/);
  }
  expectLocked(file, 0);
  await file.close();
  const long = await open(files.sparse('long', GiB));
  expectThrown('LIMIT', () => long.lock([{ first: 0, count: 4097 }]), /16 MiB/);
  await long.close();
});

function makeMemoryCgroup(): string | undefined {
  for (const root of ['/sys/fs/cgroup/memory', '/sys/fs/cgroup']) {
    const folder = `${root}/nofault-test-${process.pid}`;
    if (spawnSync('mkdir', [folder], { stdio: 'ignore' }).status !== 0) continue;
    const reclaims = ['memory.force_empty', 'memory.reclaim'].some((name) => spawnSync('test', ['-w', `${folder}/${name}`]).status === 0);
    if (reclaims) return folder;
    spawnSync('rmdir', [folder]);
  }
  return undefined;
}
