import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { evict, inspect, type Progress, restore, snapshot, warm } from '../../src/index';
import { Body, KIND, MAGIC } from '../../src/inspect/snapshots/format';
import { SnapshotWriter } from '../../src/inspect/snapshots/writer';
import { addon } from '../../src/native';
import { expectThrown } from '../failures';
import { MiB, pattern, TestFiles } from '../files';
import { all } from './collecting';

const files = TestFiles.make();
const PAGE = 4096;

async function last(progress: AsyncIterable<Progress>): Promise<Progress> {
  return (await all(progress)).at(-1) as Progress;
}

/** The machine may reclaim a page at any moment. */
async function eventually(work: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) if (await work()) return;
  throw new Error('in 100 attempts it was never seen');
}

async function residentRuns(path: string): Promise<string> {
  const [file] = await all(inspect(path, { map: true }));
  return JSON.stringify([...(file?.map?.runs ?? [])].filter(({ state }) => state === 'resident'));
}

function folderOf(name: string): string {
  const folder = files.path(name);
  mkdirSync(folder);
  return folder;
}

/** A record with the right checksum, whatever it says. */
function record(fill: (body: Body) => void): Buffer {
  const body = new Body(200_000);
  fill(body);
  const bytes = Buffer.from(body.take());
  const frame = Buffer.alloc(8);
  frame.writeUInt32LE(bytes.length, 0);
  frame.writeUInt32LE(addon().crc32c(bytes), 4);
  return Buffer.concat([frame, bytes]);
}

function header(version = 1): Buffer {
  const bytes = Buffer.alloc(16);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(version, 8);
  bytes.writeUInt32LE(addon().crc32c(bytes.subarray(0, 12)), 12);
  return bytes;
}

function fileRecord(name: string | Buffer, size: number, ...runs: number[]): Buffer {
  return record((body) => {
    const bytes = Buffer.from(name);
    for (const value of [KIND.file, size, bytes.length]) body.number(value);
    body.bytes(bytes);
    for (const value of runs) body.number(value);
  });
}

function endRecord(...sums: number[]): Buffer {
  return record((body) => {
    for (const value of [KIND.end, ...sums]) body.number(value);
  });
}

function snapshotOf(name: string, ...records: Buffer[]): string {
  return files.write(name, Buffer.concat([header(), ...records]));
}

test('what was in memory is written down, and comes back', async () => {
  const folder = folderOf('both');
  const [hot, partly, cold] = ['hot', 'partly\n', 'cold'].map((name) => join(folder, name)) as [string, string, string];
  for (const path of [hot, partly, cold]) writeFileSync(path, pattern(200 * PAGE + 5));
  const ranges = [0, 50, 199].map((page) => ({ offset: page * PAGE, length: 3 * PAGE }));
  const out = files.path('both.snapshot');
  await eventually(async () => {
    await last(evict(folder));
    await last(warm([hot, { path: partly, ranges }]));
    const seen: string[] = [];
    const summary = await snapshot(folder, out, { onProgress: ({ path }) => seen.push(path as string) });
    expect(seen.sort()).toEqual([cold, hot, partly].sort());
    const before = [await residentRuns(hot), await residentRuns(partly), await residentRuns(cold)];
    expect(summary).toMatchObject({ failed: 0, failures: [], snapshotBytes: readFileSync(out).length });
    if (summary.files !== 2 || summary.runs !== 4) return false;
    await last(evict(folder));
    const progress = await all(restore(out));
    expect(progress.map(({ error }) => error).filter(Boolean)).toEqual([]);
    const { totals } = progress.at(-1) as Progress;
    expect(totals).toMatchObject({ files: 2, failed: 0, leftOutBytes: 0 });
    expect(totals.toDo).toBe(totals.bytes);
    return JSON.stringify([await residentRuns(hot), await residentRuns(partly), await residentRuns(cold)]) === JSON.stringify(before);
  });
  expect(readdirSync(files.folder).filter((name) => name.includes('partial'))).toEqual([]);
});

test('names that are not UTF-8, and links that are given, are written down as where they lead', async () => {
  const folder = folderOf('names');
  const odd = Buffer.concat([Buffer.from(`${folder}/odd-`), Buffer.of(0xfe)]);
  writeFileSync(odd, pattern(PAGE));
  symlinkSync('names', files.path('link'));
  const out = files.path('names.snapshot');
  await eventually(async () => {
    await last(warm(odd));
    const { files: count } = await snapshot(files.path('link'), out);
    return count === 1;
  });
  const seen = await all(restore(out));
  expect(seen.at(-1)?.path).toEqual(odd);
  expect(seen.at(-1)?.error).toBeUndefined();
});

test('hard links are written down once, and what is no regular file is told', async () => {
  const folder = folderOf('links');
  writeFileSync(join(folder, 'a'), pattern(PAGE));
  execFileSync('ln', [join(folder, 'a'), join(folder, 'b')]);
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  const out = files.path('links.snapshot');
  await eventually(async () => {
    await last(warm(join(folder, 'a')));
    const { files: count, failed, failures } = await snapshot(folder, out);
    expect([failed, failures.map(({ error }) => error.code)]).toEqual([1, ['UNSUPPORTED']]);
    return count === 1;
  });
});

test('the densest file comes first, and what memory has no room for is left out', async () => {
  const [thin, half, full] = ['thin', 'half', 'full'].map((name) => files.patterned(name, 100 * PAGE)) as [string, string, string];
  const out = snapshotOf(
    'dense.snapshot',
    fileRecord(thin, 100 * PAGE, 0, 10 * PAGE),
    fileRecord(full, 100 * PAGE, 0, 100 * PAGE),
    fileRecord(half, 100 * PAGE, 0, 20 * PAGE, 10 * PAGE, 30 * PAGE),
    endRecord(3, 4, 160 * PAGE),
  );
  await eventually(async () => {
    for (const path of [thin, half, full]) await last(evict(path));
    const { totals } = await last(restore(out, { mostBytes: 130 * PAGE }));
    expect(totals.leftOutBytes).toBe(30 * PAGE);
    const runs = await Promise.all([thin, half, full].map(residentRuns));
    return (
      runs[0] === '[]' &&
      runs[1] ===
        JSON.stringify([
          { offset: 0, length: 20 * PAGE, state: 'resident' },
          { offset: 30 * PAGE, length: 10 * PAGE, state: 'resident' },
        ]) &&
      runs[2] === JSON.stringify([{ offset: 0, length: 100 * PAGE, state: 'resident' }])
    );
  });
  const order = (await all(restore(out))).filter(({ finished }) => finished);
  expect(new Set(order.map(({ path }) => path))).toEqual(new Set([full, half, thin]));
  expect(await last(restore(out, { mostBytes: 0 }))).toBeUndefined();
});

test('files that changed or left do not stop the others', async () => {
  const folder = folderOf('changed');
  const paths = ['shorter', 'longer', 'gone', 'fine', 'now a folder', 'now a FIFO'].map((name) => join(folder, name));
  const [shorter, longer, gone, fine, isFolder, isFifo] = paths as [string, string, string, string, string, string];
  for (const path of paths) writeFileSync(path, pattern(64 * PAGE));
  const out = files.path('changed.snapshot');
  await eventually(async () => {
    await last(warm(folder));
    return (await snapshot(folder, out)).files === 6;
  });
  truncateSync(shorter, 10 * PAGE + 1);
  writeFileSync(longer, pattern(100 * PAGE));
  for (const path of [gone, isFolder, isFifo]) rmSync(path);
  mkdirSync(isFolder);
  execFileSync('mkfifo', [isFifo]);
  const finished = (await all(restore(out))).filter((progress) => progress.finished);
  const found = Object.fromEntries(finished.map(({ path, error }) => [path as string, error?.code]));
  expect(found).toEqual({
    [shorter]: undefined,
    [longer]: undefined,
    [gone]: 'IO',
    [fine]: undefined,
    [isFolder]: 'UNSUPPORTED',
    [isFifo]: 'UNSUPPORTED',
  });
  const { bytes, skippedBytes } = finished.find(({ path }) => path === shorter) as Progress;
  expect(bytes + skippedBytes).toBe(10 * PAGE + 1);
  expect(finished.at(-1)?.totals).toMatchObject({ files: 3, failed: 3 });
});

test('below a root nothing outside of it is opened, wherever links lead', async () => {
  const root = folderOf('root');
  mkdirSync(join(root, 'data'));
  writeFileSync(join(root, 'data', 'inside'), pattern(8 * PAGE));
  const outside = files.patterned('outside', 8 * PAGE);
  symlinkSync(outside, join(root, 'data', 'link'));
  symlinkSync('../../outside', join(root, 'data', 'relative'));
  const names = ['/data/inside', '/data/link', '/data/relative'];
  const out = snapshotOf('root.snapshot', ...names.map((name) => fileRecord(name, 8 * PAGE, 0, 8 * PAGE)), endRecord(3, 3, 24 * PAGE));
  await eventually(async () => {
    await last(evict([outside, join(root, 'data', 'inside')]));
    const finished = (await all(restore(out, { root }))).filter((progress) => progress.finished);
    expect(Object.fromEntries(finished.map(({ path, error }) => [path as string, error?.code]))).toEqual({
      '/data/inside': undefined,
      '/data/link': 'IO',
      '/data/relative': 'IO',
    });
    return (await residentRuns(outside)) === '[]' && (await residentRuns(join(root, 'data', 'inside'))) !== '[]';
  });
});

test.each([
  ['empty', () => Buffer.alloc(0)],
  ['something else', () => Buffer.from('offset length name, and so on')],
  ['of another version', () => Buffer.concat([header(2), endRecord(0, 0, 0)])],
  ['without an end', () => Buffer.concat([header(), fileRecord('/a', PAGE, 0, PAGE)])],
  ['with something behind its end', () => Buffer.concat([header(), endRecord(0, 0, 0), Buffer.of(1)])],
  ['with wrong sums', () => Buffer.concat([header(), fileRecord('/a', PAGE, 0, PAGE), endRecord(1, 1, PAGE + 1)])],
  [
    'with runs of no file',
    () =>
      Buffer.concat([
        header(),
        record((body) => [KIND.moreRuns, 0, PAGE].forEach((value) => void body.number(value))),
        endRecord(0, 1, PAGE),
      ]),
  ],
  ['claiming a huge record', () => Buffer.concat([header(), Buffer.from('ffffffff00000000', 'hex')])],
  [
    'claiming a huge name',
    () => Buffer.concat([header(), record((body) => [KIND.file, PAGE, 2 ** 52].forEach((value) => void body.number(value)))]),
  ],
  [
    'claiming a number beyond all files',
    () => Buffer.concat([header(), record((body) => body.bytes(Buffer.from('01ffffffffffffffffff7f', 'hex')))]),
  ],
  ['of a kind that is none', () => Buffer.concat([header(), record((body) => body.number(9)), endRecord(0, 0, 0)])],
  [
    'with a run behind the end of its file',
    () => Buffer.concat([header(), fileRecord('/a', PAGE, 0, PAGE + 1), endRecord(1, 1, PAGE + 1)]),
  ],
  ['with an empty run', () => Buffer.concat([header(), fileRecord('/a', PAGE, 0, 0), endRecord(1, 1, 0)])],
  ['with runs that touch', () => Buffer.concat([header(), fileRecord('/a', PAGE, 0, 1, 0, 1), endRecord(1, 2, 2)])],
  ['with a file without runs', () => Buffer.concat([header(), fileRecord('/a', PAGE), endRecord(1, 0, 0)])],
  ...['', 'relative', '/', '/a/../b', '/./a', '//a', '/a/', '/a\0b'].map(
    (name) =>
      [
        `with the name ${JSON.stringify(name)}`,
        () => Buffer.concat([header(), fileRecord(name, PAGE, 0, PAGE), endRecord(1, 1, PAGE)]),
      ] as const,
  ),
] as const)('a snapshot %s is refused before anything is opened', async (name, make) => {
  const path = files.write('hostile.snapshot', make());
  const error = await all(restore(path)).then(
    () => undefined,
    (raised: unknown) => raised,
  );
  expect(error).toMatchObject({ name: 'NofaultError', code: 'BAD_FORMAT', path });
  expect((error as Error).message.length).toBeLessThan(300);
  if (name === 'of another version') expect((error as Error).message).toContain('version 2');
});

test('however a byte is changed or the end cut off, it is found out', async () => {
  const target = files.patterned('target', 40 * PAGE);
  const whole = Buffer.concat([header(), fileRecord(target, 40 * PAGE, 0, PAGE, PAGE, 3 * PAGE), endRecord(1, 2, 4 * PAGE)]);
  const path = files.path('changed-byte.snapshot');
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), async (at, flip, cut) => {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] as number) ^ flip;
      writeFileSync(path, cut ? whole.subarray(0, at) : bytes);
      await expect(all(restore(path))).rejects.toMatchObject({ code: 'BAD_FORMAT' });
    }),
    { numRuns: 300 },
  );
});

test('a file of more runs than one record holds is read back as it was written', async () => {
  const size = 4 * 100_000 * PAGE;
  const target = files.sparse('many-runs', size);
  const path = files.path('many-runs.snapshot');
  const { open } = await import('node:fs/promises');
  const handle = await open(path, 'w');
  const writer = new SnapshotWriter(handle);
  const runs = Array.from({ length: 100_000 }, (_, i) => ({ offset: 4 * i * PAGE, length: PAGE }));
  await writer.file(Buffer.from(target), size, runs);
  await writer.end();
  await handle.close();
  expect(writer.bytes).toBe(readFileSync(path).length);
  const { bytes, skippedBytes, totals } = await last(restore(path));
  // It is one hole, of which nothing needs reading.
  expect([bytes, skippedBytes, totals.files]).toEqual([0, 100_000 * PAGE, 1]);
});

test('the snapshot from before stays until the new one is whole', async () => {
  const folder = folderOf('kept');
  writeFileSync(join(folder, 'a'), pattern(MiB));
  const out = files.write('kept.snapshot', 'from before');
  const reason = new Error('enough');
  const controller = new AbortController();
  const work = snapshot(folder, out, { signal: controller.signal, onProgress: () => controller.abort(reason) });
  await expect(work.then(() => controller.signal.throwIfAborted())).rejects.toBe(reason);
  await expect(snapshot(folder, files.path('nowhere/s'))).rejects.toMatchObject({ code: 'IO', syscall: 'open', errno: 2 });
  await expect(snapshot(folder, out, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(readdirSync(files.folder).filter((name) => name.includes('partial'))).toEqual([]);
});

test('what is no file is no snapshot, and a FIFO is not waited for', async () => {
  const fifo = files.path('fifo.snapshot');
  execFileSync('mkfifo', [fifo]);
  await expect(all(restore(fifo))).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  await expect(all(restore(files.folder))).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  await expect(all(restore(files.path('none')))).rejects.toMatchObject({ code: 'IO', errno: 2 });
});

test('a snapshot that is changed while it is restored ends it with an error', async () => {
  const names = Array.from({ length: 50 }, (_, i) => files.patterned(`moving-${i}`, PAGE));
  const out = snapshotOf('moving.snapshot', ...names.map((name) => fileRecord(name, PAGE, 0, PAGE)), endRecord(50, 50, 50 * PAGE));
  await last(evict(names));
  const work = (async () => {
    for await (const { finished } of restore(out, { rate: 100 * PAGE })) {
      if (!finished) continue;
      const fd = openSync(out, 'r+');
      for (let at = 16; at < readFileSync(out).length; at += 7) writeSync(fd, 'x', at);
      closeSync(fd);
    }
  })();
  // The records that lie in what was read ahead are fine: either it had read them all, or it says so.
  await work.catch((error: unknown) => expect(error).toMatchObject({ code: 'BAD_FORMAT' }));
});

test('wrong arguments throw at once', () => {
  expectThrown('INVALID_ARGUMENT', () => snapshot('.', ''));
  expectThrown('INVALID_ARGUMENT', () => snapshot(5 as never, 'out'));
  expectThrown('INVALID_ARGUMENT', () => snapshot('.', 'out', { onProgress: 1 as never }));
  expectThrown('INVALID_ARGUMENT', () => snapshot('.', 'out', { include: [5] as never }));
  for (const options of [null, { root: '' }, { rate: 0 }, { mostBytes: -1 }, { signal: 1 }]) {
    expectThrown('INVALID_ARGUMENT', () => restore('s', options as never));
  }
});
