import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { evict, inspect, open, type Progress, warm } from '../../src/index';
import { expectThrown } from '../failures';
import { MiB, pattern, TestFiles } from '../files';
import { all } from './collecting';

const files = TestFiles.make();
const PAGE = 4096;

async function last(progress: AsyncIterable<Progress>): Promise<Progress> {
  const each = await all(progress);
  expect(each.at(-1)?.finished).toBe(true);
  return each.at(-1) as Progress;
}

/** The machine may reclaim a page at any moment, or a process may be reading one in: what is looked at is looked at again. */
async function eventually(work: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) if (await work()) return;
  throw new Error('in 100 attempts it was never seen');
}

async function residentBytes(path: string): Promise<number> {
  return (await all(inspect(path, { map: true })))[0]?.residentBytes as number;
}

test('evicting drops a file, warming brings it back, and both say what they did', async () => {
  const path = files.patterned('both', 9 * MiB + 100);
  const size = 9 * MiB + 100;
  await eventually(async () => {
    const gone = await last(evict(path));
    expect(gone).toMatchObject({ path, finished: true });
    expect(gone.bytes + gone.skippedBytes + gone.keptBytes).toBe(size);
    return gone.keptBytes === 0 && (await residentBytes(path)) === 0;
  });
  await eventually(async () => {
    const here = await last(warm(path));
    expect(here.error).toBeUndefined();
    expect(here.bytes + here.skippedBytes).toBe(size);
    return (await residentBytes(path)) === size;
  });
  await eventually(async () => {
    const again = await last(warm(path));
    return again.bytes === 0 && again.skippedBytes === size;
  });
});

test('only what is missing is read', async () => {
  const path = files.patterned('half', 8 * MiB);
  const file = await open(path);
  await eventually(async () => {
    await last(evict(path));
    await file.lock([{ first: 0, count: 1024 }]);
    const before = await residentBytes(path);
    const { bytes, skippedBytes } = await last(warm(path));
    await file.unlock([{ first: 0, count: 1024 }]);
    expect(bytes).toBeLessThanOrEqual(4 * MiB);
    return before === 4 * MiB && bytes === 4 * MiB && skippedBytes === 4 * MiB;
  });
  await file.close();
});

test('holes are not read', async () => {
  const content = pattern(MiB);
  const path = files.sparse('holes', 600 * MiB, [
    { offset: 10 * MiB, content },
    { offset: 500 * MiB, content },
  ]);
  await eventually(async () => {
    await last(evict(path));
    const { bytes, skippedBytes } = await last(warm(path));
    expect(bytes).toBeLessThanOrEqual(2 * MiB);
    expect(bytes + skippedBytes).toBe(600 * MiB);
    return bytes === 2 * MiB && (await residentBytes(path)) === 2 * MiB;
  });
});

test('ranges at any alignment: warming takes each page that they touch, evicting each that lies in them as a whole', async () => {
  const path = files.patterned('ranges', 100 * PAGE + 10);
  const ranges = [
    { offset: 50 * PAGE + 1, length: PAGE },
    { offset: 10 * PAGE - 1, length: 2 },
    { offset: 100 * PAGE + 5, length: 1000 },
    { offset: 7, length: 0 },
    { offset: 2 ** 50, length: 5 },
  ];
  await eventually(async () => {
    await last(evict(path));
    await last(warm([{ path, ranges }]));
    const [found] = await all(inspect(path, { map: true }));
    const resident = [...(found?.map?.runs ?? [])].filter(({ state }) => state === 'resident');
    const same =
      JSON.stringify(resident) ===
      JSON.stringify([
        { offset: 9 * PAGE, length: 2 * PAGE, state: 'resident' },
        { offset: 50 * PAGE, length: 2 * PAGE, state: 'resident' },
        { offset: 100 * PAGE, length: 10, state: 'resident' },
      ]);
    return same;
  });
  await eventually(async () => {
    await last(warm(path));
    // Whole pages are 1 to 3, and the last one.
    const gone = await last(
      evict(path, {
        ranges: [
          { offset: 1, length: 4 * PAGE },
          { offset: 100 * PAGE, length: 10 },
        ],
      }),
    );
    expect(gone.bytes + gone.keptBytes + gone.skippedBytes).toBe(3 * PAGE + 10);
    return gone.bytes === 3 * PAGE + 10;
  });
});

test('what is locked stays, and is told', async () => {
  const path = files.patterned('locked', 64 * PAGE);
  const file = await open(path);
  await file.lock([{ first: 0, count: 16 }]);
  const { keptBytes } = await last(evict(path));
  expect(keptBytes).toBeGreaterThanOrEqual(16 * PAGE);
  expect(file.tryPage(3)).toBeDefined();
  await file.close();
});

test('dirty pages are written out before, or stay where that is not wanted', async () => {
  const path = files.path('dirty');
  await eventually(async () => {
    writeFileSync(path, Buffer.alloc(64 * PAGE, 7));
    const kept = await last(evict(path, { flush: false }));
    expect(kept.bytes + kept.keptBytes + kept.skippedBytes).toBe(64 * PAGE);
    const gone = await last(evict(path));
    const [found] = await all(inspect(path));
    return gone.keptBytes === 0 && (found?.kernel?.dirtyBytes ?? 0) === 0;
  });
});

test('a tree is warmed file by file; what cannot be opened fails alone', async () => {
  const folder = files.path('tree');
  mkdirSync(join(folder, 'sub'), { recursive: true });
  for (let i = 0; i < 100; i++) writeFileSync(join(folder, i % 2 ? 'sub' : '.', `f${i}`), pattern(PAGE + i));
  expect(spawnSync('mkfifo', [join(folder, 'fifo')]).status).toBe(0);
  await eventually(async () => {
    await last(evict(folder));
    const seen = await all(warm([folder, join(folder, 'gone')], { countFirst: true, include: ['f*'] }));
    expect(seen.filter(({ finished }) => finished)).toHaveLength(102);
    expect(seen.filter(({ error }) => error).map(({ error }) => error?.code)).toEqual(expect.arrayContaining(['UNSUPPORTED', 'IO']));
    const { totals } = seen.at(-1) as Progress;
    expect(totals).toMatchObject({ files: 100, failed: 2, toDo: expect.any(Number) });
    const inspection = inspect(folder);
    await all(inspection);
    return inspection.totals.residentBytes === inspection.totals.size && totals.bytes === inspection.totals.size;
  });
});

test('files that shrink, grow, vanish or are replaced meanwhile do not stop the others', async () => {
  const folder = files.path('restless');
  mkdirSync(folder);
  const path = (i: number): string => join(folder, `f${i}`);
  for (let i = 0; i < 40; i++) writeFileSync(path(i), pattern(64 * PAGE));
  let stop = false;
  const unrest = (async () => {
    for (let i = 0; !stop; i = (i + 3) % 40) {
      truncateSync(path(i), (i % 4) * PAGE * 10);
      writeFileSync(`${folder}.new`, pattern(32 * PAGE));
      renameSync(`${folder}.new`, path((i + 1) % 40));
      await new Promise(setImmediate);
    }
  })();
  for (let round = 0; round < 10; round++) {
    for (const { error } of await all(evict(folder))) if (error) expect(error.code).toBe('IO');
    for (const { error } of await all(warm(folder))) if (error) expect(['IO', 'TRUNCATED']).toContain(error.code);
  }
  stop = true;
  await unrest;
});

test('a rate spreads the reading over time, and cancelling ends it with the reason', async () => {
  const path = files.patterned('slow', 4 * MiB);
  await last(evict(path));
  const reason = new Error('enough');
  const controller = new AbortController();
  let told = 0;
  const work = (async () => {
    for await (const { finished } of warm(path, { rate: MiB, signal: controller.signal })) {
      expect(finished).toBe(false);
      told += 1;
      if (told === 2) controller.abort(reason);
    }
  })();
  await expect(work).rejects.toBe(reason);
  await expect(all(warm(path, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
});

test('who leaves early leaves nothing behind', async () => {
  const folder = files.path('left');
  mkdirSync(folder);
  for (let i = 0; i < 60; i++) writeFileSync(join(folder, `f${i}`), pattern(PAGE));
  await last(evict(folder));
  for await (const { finished } of warm(folder)) if (finished) break;
  const holders = (): boolean => spawnSync('ls', ['-l', `/proc/${process.pid}/fd`], { encoding: 'utf8' }).stdout.includes(folder);
  while (holders()) await new Promise(setImmediate);
});

test('an empty file, and no file at all, are done at once', async () => {
  const empty = files.write('empty', '');
  expect(await last(warm(empty))).toMatchObject({ bytes: 0, skippedBytes: 0, totals: { files: 1 } });
  expect(await last(evict(empty))).toMatchObject({ bytes: 0, keptBytes: 0, totals: { files: 1 } });
  expect(await all(warm([]))).toEqual([]);
});

test('bytes are as they were', async () => {
  const path = files.patterned('same', 3 * MiB + 5);
  const fd = openSync(path, 'r+');
  writeSync(fd, 'changed', 1000);
  closeSync(fd);
  await last(evict(path));
  await last(warm(path));
  const file = await open(path);
  const bytes = Buffer.alloc(7);
  await file.read([bytes], [1000]);
  expect(bytes.toString()).toBe('changed');
  await file.close();
});

test('wrong arguments throw at once', () => {
  for (const paths of [
    undefined,
    5,
    '',
    [''],
    [{ path: 'a' }],
    [{ path: '', ranges: [] }],
    [{ path: 'a', ranges: [{ offset: -1, length: 1 }] }],
  ]) {
    expectThrown('INVALID_ARGUMENT', () => warm(paths as never));
    expectThrown('INVALID_ARGUMENT', () => evict(paths as never));
  }
  for (const options of [
    null,
    { rate: 0 },
    { rate: 'fast' },
    { countFirst: 1 },
    { ranges: 5 },
    { ranges: [{ offset: 0.5, length: 1 }] },
    { include: [5] },
  ]) {
    expectThrown('INVALID_ARGUMENT', () => warm('a', options as never));
  }
  expectThrown('INVALID_ARGUMENT', () => evict('a', { flush: 'yes' } as never));
});
