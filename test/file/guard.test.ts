import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { open } from '../../src/index';
import { builtPackage } from '../built-package';
import { programPath, runProgram } from '../child';
import { expectThrown } from '../failures';
import { GiB, MiB, pattern, TestFiles } from '../files';
import { untilAnswered } from '../reading';
import { finished } from '../rigs/children';
import { start } from '../rigs/launch';
import { type SlowDisk, slowDiskLacks, startSlowDisk } from '../rigs/slow-disk';
import { type SlowFolder, slowFolderLacks, startSlowFolder } from '../rigs/slow-folder';
import { when } from '../when';

const files = TestFiles.make();
const PAGE = 4096;
/** As many as test/programs/ways-to-touch.cjs has. */
const WAYS = { reads: 31, writes: 19 };
/** Ways of V8 to run what touches a view. */
const TIERS: readonly (readonly [string, readonly string[]])[] = [
  ['as Node runs by itself', []],
  ['interpreted', ['--no-opt', '--no-sparkplug']],
  ['compiled by the baseline compiler', ['--always-sparkplug', '--no-opt']],
  ['compiled by the optimising compiler', ['--always-turbofan']],
  ['without any compiler', ['--no-expose-wasm', '--jitless']],
];
const THREADS = ['main', 'worker'] as const;
const EVERYWHERE = THREADS.flatMap((where) => TIERS.map(([tier, flags]) => ({ where, tier, flags })));

interface Touched {
  readonly name: string;
  readonly value: unknown;
  /** What the next call threw, and the one after it. */
  readonly told: string;
  readonly again: string;
  readonly bad: readonly string[];
  readonly read: string;
}

type Kind = 'reads' | 'writes' | 'both';

interface Circumstances {
  readonly where: (typeof THREADS)[number];
  readonly flags: readonly string[];
}

const waysOf = (kind: Kind): number => (kind === 'both' ? WAYS.reads + WAYS.writes : WAYS[kind]);

/** Has a program take views of the files `prefix`0 and so on, does what spoils them, and has it touch each in another way. */
async function touched(
  prefix: string,
  kind: Kind,
  { where, flags }: Circumstances,
  spoil: () => Promise<void> | void = () => {},
): Promise<Touched[]> {
  const child = start(
    process.execPath,
    [...flags, programPath('bad-touches.cjs'), builtPackage(), prefix, where, kind],
    {},
    { stdio: 'pipe' },
  );
  const [input, output] = [child.stdin as Writable, child.stdout as Readable];
  // A program that has died is seen by how it ended.
  input.on('error', () => {});
  const end = finished(child);
  const lines: string[] = [];
  const reader = createInterface(output);
  const ready = Promise.race([once(reader, 'line'), end]);
  reader.on('line', (line) => lines.push(line));
  await ready;
  await spoil();
  input.end('go\n');
  const { code, signal, stderr } = await end;
  expect({ code, signal, stderr, last: lines.at(-1) }).toEqual({ code: 0, signal: null, stderr: '', last: 'closed, 0 bytes left' });
  expect(lines.shift()).toBe('ready');
  const results = lines.slice(0, -1).map((line) => JSON.parse(line) as Touched);
  expect(results).toHaveLength(waysOf(kind));
  return results;
}

/** The kernel reads and writes for these, and says so without a signal. */
const BY_THE_KERNEL = ['fs.writeSync', 'fs.readSync'];

function expectTold(results: readonly Touched[], code: string): void {
  for (const { name, value, told, again, bad, read } of results) {
    if (BY_THE_KERNEL.includes(name)) {
      expect({ name, value, told }).toEqual({
        name,
        value: expect.stringMatching(/EFAULT|bytes/),
        told: expect.not.stringMatching(/bytes/),
      });
    } else {
      expect({ name, told }).toEqual({ name, told: code });
    }
    // The last mark stands: who writes behind the end has first been told of the end.
    const one = expect.stringMatching(/^(undefined|TRUNCATED|IO|READ_ONLY)$/);
    expect({ name, again, bad, read }).toEqual({
      name,
      again: 'bytes',
      bad: [one, one],
      read: expect.stringMatching(/^(TRUNCATED|IO|READ_ONLY)$/),
    });
  }
}

const contentOf = (i: number): Buffer => pattern(4 * PAGE, i);

function manyFiles(name: string, count: number): string {
  for (let i = 0; i < count; i++) files.write(`${name}${i}`, contentOf(i));
  return files.path(name);
}

describe('a file that is truncated under its views ends no process, however they are touched, and the next call says so', () => {
  test.each(EVERYWHERE)('$tier, in the $where thread', async ({ tier, ...how }) => {
    const prefix = manyFiles(`truncated ${tier} ${how.where} `, waysOf('both'));
    const results = await touched(prefix, 'both', how, () => {
      for (let i = 0; i < waysOf('both'); i++) truncateSync(prefix + i, PAGE);
    });
    expectTold(results, 'TRUNCATED');
  });
});

when(slowDiskLacks('ext4')).describe(
  'a disk that fails under views ends no process, however they are touched, and the next call says so',
  () => {
    let disk: SlowDisk;
    beforeAll(async () => {
      disk = await startSlowDisk({ fs: 'ext4' });
    });
    afterAll(() => disk.stop());

    test.each(EVERYWHERE)('$tier, in the $where thread', async (how) => {
      await disk.heal();
      const count = waysOf('reads');
      for (let i = 0; i < count; i++) await disk.write(`file${i}`, contentOf(i));
      const results = await touched(disk.path('file'), 'reads', how, async () => {
        for (let i = 0; i < count; i++) {
          await disk.fail(`file${i}`, { offset: PAGE, length: 2 * PAGE });
          await overwritePastCache(disk.path(`file${i}`));
        }
      });
      expectTold(results, 'IO');
    });
  },
);

/** Drops two pages from the page cache, although they are mapped: writing goes through where reading fails. */
async function overwritePastCache(path: string): Promise<void> {
  const { code, stderr } = await finished(
    start('dd', ['if=/dev/zero', `of=${path}`, `bs=${PAGE}`, 'seek=1', 'count=2', 'oflag=direct', 'conv=notrunc'], {}),
  );
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
}

when(slowFolderLacks()).describe('a server that takes pages back and then fails ends no process', () => {
  let folder: SlowFolder;
  beforeEach(async () => {
    folder = await startSlowFolder({});
  });
  afterEach(() => folder.stop());

  test.each(EVERYWHERE)('$tier, in the $where thread', async (how) => {
    const count = waysOf('both');
    for (let i = 0; i < count; i++) await folder.write(`file${i}`, contentOf(i));
    const results = await touched(folder.path('file'), 'both', how, async () => {
      for (let i = 0; i < count; i++) {
        await folder.fail(`file${i}`, { offset: PAGE, length: 2 * PAGE });
        await folder.revoke(`file${i}`);
      }
    });
    expectTold(results, 'IO');
  });
});

// Not on FUSE: between the server's truncation and the kernel's, the kernel itself fills what a server no longer has with zeros.
describe('a file that is truncated while it is being read gives the bytes that it had, or says so', () => {
  async function expectTruth(path: string, where: string): Promise<void> {
    const { stdout, ...rest } = await runProgram('truncated-in-flight.cjs', [path, '40', where]);
    expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
    const outcomes = JSON.parse(stdout) as Record<string, number>;
    const allowed = /^(entry|read|copied|(entry|read|copying) TRUNCATED|entry NOT_RESIDENT|entry wrong, then \w+ and TRUNCATED)$/;
    expect(Object.keys(outcomes).filter((outcome) => !allowed.test(outcome))).toEqual([]);
    expect(outcomes.entry).toBeGreaterThan(0);
    expect((outcomes['entry TRUNCATED'] ?? 0) + (outcomes['read TRUNCATED'] ?? 0)).toBeGreaterThan(0);
  }

  test.each(THREADS)('where copies are read from the file, in the %s thread', (where) => expectTruth(files.path('in flight'), where));

  when(existsSync('/dev/shm') ? undefined : 'needs /dev/shm').each(
    THREADS,
    (where) => `where copies are taken from the mapping, in the ${where} thread`,
    async (where) => {
      const path = `/dev/shm/nofault-in-flight-${process.pid}`;
      await expectTruth(path, where).finally(() => rmSync(path, { force: true }));
    },
  );
});

describe('a write into a view', () => {
  test.each(EVERYWHERE)(
    'ends no process, is seen in the view, and never reaches the file: $tier, in the $where thread',
    async ({ tier, ...how }) => {
      const count = waysOf('writes');
      const prefix = manyFiles(`written ${tier} ${how.where} `, count);
      for (const { name, value, told, again, bad, read } of await touched(prefix, 'writes', how)) {
        const byKernel = BY_THE_KERNEL.includes(name);
        expect({ name, value, again }).toEqual({ name, value: byKernel ? 'EFAULT' : true, again: 'bytes' });
        if (byKernel) expect(read).toBe(String(2 * PAGE));
        else expect({ name, told, bad, read }).toEqual({ name, told: 'READ_ONLY', bad: ['READ_ONLY', 'READ_ONLY'], read: 'READ_ONLY' });
      }
      for (let i = 0; i < count; i++) expect(readFileSync(prefix + i).equals(contentOf(i))).toBe(true);
    },
  );

  test('changes a copy of its page, is told once, and refresh takes the copy away', async () => {
    const content = pattern(64 * MiB);
    const path = files.write('written to', content);
    const { stdout, ...rest } = await runProgram('stray-writes.cjs', [path, '2048']);
    expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
    const { marked, after, once: oneWrite, ...result } = JSON.parse(stdout);
    expect(result).toEqual({ told: 'READ_ONLY', change: 'none', wrong: 0, mappings: 0 });
    // The machine may reclaim a page at any moment; a mark stays.
    expect(marked.READ_ONLY).toBe(1024);
    expect(after.READ_ONLY).toBeUndefined();
    expect(oneWrite.READ_ONLY).toBe(1);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  test('to every second page of a large file ends no process, and no limit of mappings is reached', async () => {
    const content = pattern(64 * MiB, 1);
    const path = files.write('written to everywhere', content);
    const { stdout, ...rest } = await runProgram('stray-writes.cjs', [path, '16384']);
    expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
    const { marked, after, ...result } = JSON.parse(stdout);
    expect(result).toMatchObject({ told: 'READ_ONLY', change: 'none', wrong: 0, mappings: 0 });
    expect(marked.READ_ONLY).toBeGreaterThanOrEqual(8192);
    expect(after.READ_ONLY).toBeUndefined();
    expect(readFileSync(path).equals(content)).toBe(true);
  });
});

test('every second page of a GiB that is truncated can be touched, for a few mappings, until refresh and close end it', async () => {
  const path = files.sparse('truncated far', GiB);
  const { stdout, ...rest } = await runProgram('truncated-far.cjs', [path, '5000']);
  expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
  const { mappings, touched, ...result } = JSON.parse(stdout);
  expect(touched).toBeGreaterThanOrEqual(131_072);
  expect(mappings).toBeLessThan(2000);
  expect(result).toEqual({
    sum: 0,
    told: 'TRUNCATED',
    again: 'TRUNCATED',
    marked: 'TRUNCATED',
    change: 'none',
    healed: PAGE,
    nothing: 0,
    left: 0,
  });
});

test('a page that lies in two windows is bad where it was touched, and is told in the other by the file', async () => {
  // Windows of 48 MiB start every 32 MiB: what begins before 32 MiB lies in the first, what begins there in the second.
  const path = files.sparse('overlapping', 64 * MiB);
  const file = await open(path);
  const [first, second] = [
    { offset: 32 * MiB - PAGE, length: 4 * PAGE },
    { offset: 32 * MiB, length: 3 * PAGE },
  ];
  const [a, b] = await untilAnswered(
    () => {
      const views = [file.tryRange(first.offset, first.length), file.tryRange(second.offset, second.length)] as const;
      return views[0] && views[1] ? ([views[0], views[1]] as const) : undefined;
    },
    () => file.getRanges([first, second]).arrived,
  );
  expect(a.buffer).not.toBe(b.buffer);
  truncateSync(path, 32 * MiB + PAGE);
  expect(a[3 * PAGE]).toBe(0);
  expectThrown('TRUNCATED', () => file.tryRange(first.offset, first.length));
  expectThrown('TRUNCATED', () => file.tryRange(first.offset, first.length));
  expect(b[2 * PAGE]).toBe(0);
  expectThrown('TRUNCATED', () => file.tryPage(0));
  expectThrown('TRUNCATED', () => file.tryRange(second.offset, second.length));
  truncateSync(path, 64 * MiB);
  expect(await file.refresh()).toEqual({ size: 64 * MiB, change: 'none' });
  await untilAnswered(
    () => file.tryRange(first.offset, first.length),
    () => file.getRanges([first]).arrived,
  );
  expect(file.stats().errors).toBeGreaterThanOrEqual(2);
  await file.close();
  expect([a.length, b.length]).toEqual([0, 0]);
});

describe('signals that are not about a view go where they went before', () => {
  const two = (name: string): string => files.patterned(name, 2 * PAGE);

  test.each([
    ['listener before open', 'TRUNCATED\n'],
    ['listener after open', 'TRUNCATED\n'],
    ['listener after open, trust never', 'TRUNCATED\n'],
    ['listener removed', 'TRUNCATED\n'],
    ['listener for once', 'TRUNCATED\n'],
    ['all listeners removed', 'TRUNCATED\n'],
    ['listener is still told', 'TRUNCATED\nSIGSEGV\n'],
    ['trap after open', 'RuntimeError\nTRUNCATED\nRuntimeError\n'],
  ])('%s', async (how, stdout) => {
    expect(await runProgram('foreign-signals.cjs', [two(how), how])).toEqual({ code: 0, signal: null, stdout, stderr: '' });
  });

  test.each(['SIGSEGV', 'SIGBUS'] as const)('a process without a listener that is sent %s ends by it', async (name) => {
    const child = start(process.execPath, [programPath('foreign-signals.cjs'), builtPackage(), two(name), 'killed from outside'], {});
    const end = finished(child);
    const ready = new Promise<void>((resolve) => {
      createInterface(child.stdout as Readable).on('line', (line) => line === 'ready' && resolve());
    });
    await Promise.race([ready, end]);
    child.kill(name);
    expect(await end).toMatchObject({ code: null, signal: name, stdout: 'TRUNCATED\nready\n' });
  });
});
