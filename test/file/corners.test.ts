import { existsSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { open, type PageSet } from '../../src/index';
import { builtPackage } from '../built-package';
import { programPath, runProgram } from '../child';
import { expectRejected, expectThrown } from '../failures';
import { MiB, pattern, TestFiles } from '../files';
import { untilAnswered } from '../reading';
import { run } from '../rigs/launch';
import { slowFolderLacks, startSlowFolder } from '../rigs/slow-folder';
import { when } from '../when';

const files = TestFiles.make();
const PAGE = 4096;
/** After so many seconds a program is taken to hang, for it may have to wait its turn on a busy machine. */
const PATIENCE = '150';
const WITH_PATIENCE = 180_000;

test('read of a file that was truncated inside its last page is TRUNCATED', async () => {
  const path = files.patterned('1', 10_000);
  const file = await open(path);
  await file.getPages([0, 1, 2]).arrived;
  truncateSync(path, 9000);
  await expectRejected('TRUNCATED', file.read([Buffer.alloc(10_000)], [0]));
  await file.close();
});

when(existsSync('/dev/shm') ? undefined : 'needs /dev/shm').test(
  'so is it where copies are taken from the mapping, also at once',
  async () => {
    const path = `/dev/shm/nofault-cut-${process.pid}`;
    writeFileSync(path, pattern(10_000));
    try {
      const file = await open(path);
      const copied = (): unknown => file.tryRead([Buffer.alloc(1000), Buffer.alloc(100)], [9000, 0]);
      expect(await untilAnswered(copied, () => file.getPages([0, 1, 2]).arrived)).toBe(1100);
      truncateSync(path, 9500);
      await expectRejected('TRUNCATED', file.read([Buffer.alloc(1000)], [9000]));
      const answer = (): unknown => {
        try {
          return copied();
        } catch (error) {
          return error;
        }
      };
      expect(await untilAnswered(answer, () => file.getPages([0, 1, 2]).arrived)).toMatchObject({ code: 'TRUNCATED', offset: 9500 });
      await file.close();
    } finally {
      rmSync(path, { force: true });
    }
  },
);

test('a range that a refresh has cut off inside the last page is TRUNCATED', async () => {
  const path = files.patterned('2', 10_000);
  const file = await open(path);
  const set = file.getRanges([{ offset: 0, length: 10_000 }]);
  await set.arrived;
  truncateSync(path, 9000);
  expect(await file.refresh()).toEqual({ size: 9000, change: 'shrunk' });
  expectThrown('TRUNCATED', () => set.bytes(0));
  await file.close();
});

test('a read that a refresh cuts off inside the last page is TRUNCATED', async () => {
  const path = files.patterned('3', 10_000);
  const file = await open(path);
  const reading = file.read([Buffer.alloc(10_000)], [0]);
  truncateSync(path, 9000);
  await Promise.all([expectRejected('TRUNCATED', reading), file.refresh()]);
  await file.close();
});

async function knownSet(path: string, pages: number[]): Promise<{ file: Awaited<ReturnType<typeof open>>; set: PageSet }> {
  const file = await open(path);
  const set = await untilAnswered(
    () => {
      const asked = file.getPages(pages);
      const { kernelHits, misses } = file.stats();
      const again = file.getPages(pages);
      const after = file.stats();
      return asked.misses === 0 && after.kernelHits === kernelHits && after.misses === misses ? again : undefined;
    },
    () => file.getPages(pages).arrived,
  );
  return { file, set };
}

test('iterating what the boards knew after close yields entries that are CLOSED', async () => {
  const { file, set } = await knownSet(files.patterned('4', 100_000), [0, 1, 2]);
  await file.close();
  let entries = 0;
  for await (const entry of set) {
    expectThrown('CLOSED', () => set.bytes(entry));
    entries++;
  }
  expect(entries).toBe(3);
});

test('iterating what the boards knew after the file has shrunk yields all entries', async () => {
  const path = files.patterned('5', 100_000);
  const { file, set } = await knownSet(path, [0, 1, 20]);
  truncateSync(path, 2 * PAGE);
  await file.refresh();
  const entries: number[] = [];
  for await (const entry of set) {
    entries.push(entry);
    if (entry === 2) expectThrown('TRUNCATED', () => set.bytes(entry));
  }
  expect(entries.sort()).toEqual([0, 1, 2]);
  await file.close();
});

test('covers that refresh has undone count no more', async () => {
  const path = files.write('6', pattern(64 * MiB));
  const { stdout } = await runProgram('stray-writes.cjs', [path, '16384']);
  expect(JSON.parse(stdout).once.READ_ONLY).toBe(1);
});

test(
  'a worker is guarded although the main thread listens',
  async () => {
    const path = files.patterned('7', 2 * PAGE);
    const words = [
      '-s',
      'KILL',
      PATIENCE,
      process.execPath,
      programPath('foreign-signals.cjs'),
      builtPackage(),
      path,
      'worker, listener in the main thread',
    ];
    expect(await run('timeout', words, {})).toEqual({ code: 0, signal: null, stdout: 'TRUNCATED\n', stderr: '' });
  },
  WITH_PATIENCE,
);

test.each(['watch', 'never'])(
  'with mincore and move_pages refused everything arrives (trust %s)',
  async (trust) => {
    const path = files.patterned(`8 ${trust}`, 100 * PAGE);
    const words = ['-s', 'KILL', PATIENCE, process.execPath, programPath('what-can-be-known.cjs'), builtPackage(), path, trust];
    const child = await run('sh', ['-c', 'printf "go\\n" | "$@"', 'sh', 'timeout', ...words], {
      refuse: { mincore: 'EPERM', move_pages: 'EPERM' },
    });
    expect(child).toMatchObject({ signal: null, stdout: expect.stringContaining('hashes') });
  },
  WITH_PATIENCE,
);

test('replaced files that nobody has sets or views of do not keep descriptors', async () => {
  const { readdirSync } = await import('node:fs');
  const path = files.write('9', pattern(PAGE));
  const file = await open(path);
  const before = readdirSync('/proc/self/fd').length;
  for (let round = 0; round < 500; round++) {
    writeFileSync(`${path}.next`, pattern(PAGE, round % 250));
    renameSync(`${path}.next`, path);
    await file.refresh();
    await file.getPages([0]).arrived;
  }
  expect(readdirSync('/proc/self/fd').length - before).toBeLessThan(100);
  await file.close();
});

when(slowFolderLacks()).test('a marked page is no hit in the turn of its verdict', async () => {
  const folder = await startSlowFolder({});
  try {
    const path = await folder.write('file', pattern(8 * PAGE));
    const file = await open(path);
    const set = await untilAnswered(
      () => {
        const asked = file.getPages([0, 5]);
        return asked.misses === 0 ? asked : undefined;
      },
      () => file.getPages([0, 5]).arrived,
    );
    const view = set.bytes(1);
    truncateSync(path, 2 * PAGE);
    expect(view[3]).toBe(0);
    expectThrown('TRUNCATED', () => set.bytes(1));
    expectThrown('TRUNCATED', () => set.bytes(1));
    await file.close();
  } finally {
    await folder.stop();
  }
});
