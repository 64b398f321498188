import { chmodSync, readFileSync, truncateSync } from 'node:fs';
import { open } from '../../src/index';
import { expectRejected } from '../failures';
import { MiB, TestFiles } from '../files';
import { everySecond, expectLocked, lockedAndMapped, lockedByKernel, runLocking } from './locked';

const files = TestFiles.make();
const PAGE = 4096;

beforeEach(() => expect(lockedByKernel()).toBe(0));

describe('limits', () => {
  test('RLIMIT_MEMLOCK refuses a vector as a whole, and says how much is locked', () => {
    chmodSync(files.folder, 0o755);
    const path = files.sparse('limited', 64 * MiB);
    chmodSync(path, 0o644);
    const { results, atTheEnd } = JSON.parse(runLocking('locking-under-a-limit.cjs', [path, '10', '1000', '12', '16', '17'], 64)) as {
      results: Record<string, unknown>[];
      atTheEnd: number;
    };
    const refusal = (bytes: number, own: number) => ({
      code: 'LIMIT',
      errno: 12,
      syscall: 'mlock2',
      message: expect.stringMatching(
        new RegExp(`locking ${bytes} bytes .*RLIMIT_MEMLOCK, which is 65536 bytes.* ${own} bytes locked now, ${own} of them.*raise`),
      ),
    });
    const locked = (pages: number) => ({ lockedBytes: pages * PAGE, lockedByKernel: pages * PAGE });
    expect(results).toMatchObject([
      locked(10),
      { failure: refusal(990 * PAGE, 10 * PAGE), ...locked(10) },
      locked(12),
      locked(16),
      { failure: refusal(PAGE, 16 * PAGE), ...locked(16) },
    ]);
    expect(atTheEnd).toBe(0);
  });

  test('a process that may lock nothing is told so', () => {
    const path = files.sparse('nothing allowed', MiB);
    chmodSync(path, 0o644);
    const { results } = JSON.parse(runLocking('locking-under-a-limit.cjs', [path, '1'], 0)) as { results: Record<string, unknown>[] };
    expect(results).toMatchObject([
      { failure: { code: 'LIMIT', message: expect.stringContaining('RLIMIT_MEMLOCK, which is 0 bytes') }, lockedByKernel: 0 },
    ]);
  });

  test('vm.max_map_count refuses too many runs before any is read or locked', async () => {
    const most = Number(readFileSync('/proc/sys/vm/max_map_count', 'utf8'));
    if (most > 2_000_000) {
      console.warn('skipped: vm.max_map_count is so high here that reaching it takes too long');
      return;
    }
    const file = await open(files.sparse('scattered', 2 * most * PAGE));
    await file.lock([1]);
    await expectRejected(
      'LIMIT',
      file.lock(everySecond(Math.ceil(most / 2), 10)),
      new RegExp(`vm.max_map_count, which is ${most} .*${PAGE} bytes`),
    );
    expect(file.stats()).toMatchObject({ bytesFetched: PAGE, inFlight: 0 });
    expectLocked(file, 1);
    await file.close();
  });

  test('a page that cannot be read fails the whole vector, and what was locked before stays so', async () => {
    const path = files.patterned('shrinking', 200 * PAGE);
    const file = await open(path);
    await file.lock([1, 2, 3]);
    truncateSync(path, 100 * PAGE);
    const error = await expectRejected('TRUNCATED', file.lock([2, 50, 150, 60]));
    expect(error.offset).toBe(150 * PAGE);
    // Truncating may have cut the folio that the first pages lie in, and unmapped them: they are locked as soon as they are read.
    expect([file.stats().lockedBytes, lockedByKernel()]).toEqual([3 * PAGE, 3 * PAGE]);
    expect(file.stats().errors).toBe(1);
    await file.lock([1, 2, 3, 50]);
    expectLocked(file, 4);
    await file.close();
  });

  test('a page on which a touch has failed cannot be locked', async () => {
    const path = files.patterned('touched too late', 200 * PAGE);
    const file = await open(path);
    await file.lock([120]);
    const page = file.tryPage(120) as Uint8Array;
    truncateSync(path, 100 * PAGE);
    expect(page[0]).toBe(0);
    await expectRejected('TRUNCATED', file.lock([20]));
    await expectRejected('TRUNCATED', file.lock([20, 120]));
    await file.lock([20]);
    expect(lockedAndMapped(path)).toBe(PAGE);
    await file.close();
  });
});
