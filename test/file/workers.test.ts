import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { open } from '../../src/index';
import { builtPackage } from '../built-package';
import { programPath, runProgram } from '../child';
import { evictUnmapped, GiB, MiB, pattern, TestFiles } from '../files';
import { readPage } from '../reading';
import { slowFolderLacks, startSlowFolder } from '../rigs/slow-folder';
import { when } from '../when';

const files = TestFiles.make();

interface Task {
  readonly path: string;
  readonly pages: readonly number[];
  /** Say `asked` after the call and never wait for the answer. */
  readonly abandon?: boolean;
}

function startWorker(task: Task): Worker {
  return new Worker(programPath('worker-reading-pages.cjs'), { workerData: { built: builtPackage(), ...task } });
}

/** The worker's answer, when it has ended by itself. */
async function answerOf(worker: Worker): Promise<string> {
  const ended = once(worker, 'exit');
  const [answer] = (await once(worker, 'message')) as [string];
  expect(await ended).toEqual([0]);
  return answer;
}

test('several workers that ask for the same pages at once each get the right bytes', async () => {
  const content = pattern(16 * MiB);
  const path = files.write('file', content);
  evictUnmapped(path);
  const pages = Array.from({ length: 1000 }, (_, i) => (i * 997) % 4096);
  const hash = createHash('sha256');
  for (const page of pages) hash.update(content.subarray(page * 4096, (page + 1) * 4096));
  const expected = hash.digest('hex');
  const own = await open(path);
  const set = own.getPages(pages);
  const answers = await Promise.all(Array.from({ length: 6 }, () => answerOf(startWorker({ path, pages }))));
  await set.arrived;
  expect(answers).toEqual(new Array(6).fill(expected));
  await own.close();
});

when(slowFolderLacks()).test(
  'what a worker is having read is joined by another thread, and arrives there though the worker has ended',
  async () => {
    const folder = await startSlowFolder();
    try {
      const content = pattern(MiB);
      const path = await folder.write('shared', content);
      const own = await open(path);
      await folder.hang('shared');
      const worker = startWorker({ path, pages: [100, 200], abandon: true });
      await once(worker, 'message');
      await folder.untilHung(1, 'shared');
      const pages = [readPage(own, 100), readPage(own, 200)];
      expect(own.stats()).toMatchObject({ misses: 2 });
      await worker.terminate();
      await folder.release();
      expect(await Promise.all(pages)).toEqual([100, 200].map((page) => content.subarray(page * 4096, (page + 1) * 4096)));
      expect(own.stats().joined).toBeGreaterThan(0);
      await own.close();
    } finally {
      await folder.stop();
    }
  },
);

test('a worker that starts and ends twenty times leaves the main thread reading', async () => {
  const path = files.patterned('small', 100_000);
  const own = await open(path);
  for (let i = 0; i < 20; i++) {
    await answerOf(startWorker({ path, pages: [i, i + 1] }));
    const set = own.getPages([i]);
    expect(await set.arrived).toBe(set);
  }
  await own.close();
});

test('workers that are terminated with reads in flight harm nobody', async () => {
  const path = files.sparse('hole', 64 * GiB);
  const own = await open(path);
  for (let round = 0; round < 8; round++) {
    // The pages of this thread are the worker's pages too: what the worker started must still arrive here.
    const pages = Array.from({ length: 5000 }, (_, i) => i * 3000 + round);
    const worker = startWorker({ path, pages, abandon: true });
    await once(worker, 'message');
    const set = own.getPages(pages);
    await worker.terminate();
    expect(await set.arrived).toBe(set);
  }
  expect(own.stats()).toMatchObject({ inFlight: 0, errors: 0 });
  await own.close();
});

test('several workers that are terminated at once harm nobody', async () => {
  const path = files.sparse('second hole', 64 * GiB);
  const workers = Array.from({ length: 5 }, (_, k) =>
    startWorker({ path, pages: Array.from({ length: 8000 }, (_, i) => i * 2000 + k), abandon: true }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  await Promise.all(workers.map((worker) => worker.terminate()));
  const own = await open(path);
  const set = own.getPages([1, 2, 3]);
  expect(await set.arrived).toBe(set);
  await own.close();
});

test('workers that are terminated at any moment of their lives harm nobody', async () => {
  const path = files.sparse('third hole', 64 * GiB);
  for (let i = 0; i < 12; i++) {
    const worker = startWorker({ path, pages: Array.from({ length: 3000 }, (_, k) => k * 5000 + i) });
    if (i % 3 === 0) await once(worker, 'online');
    await new Promise((resolve) => setTimeout(resolve, i * 5));
    await worker.terminate();
  }
  const own = await open(path);
  const set = own.getPages([1, 2, 3]);
  expect(await set.arrived).toBe(set);
  await own.close();
});

test('a package that only workers had loaded can be loaded again, and the process ends by itself', async () => {
  const path = files.patterned('another', 100_000);
  expect(await runProgram('workers-only.cjs', [path])).toEqual({ code: 0, signal: null, stdout: 'done\n', stderr: '' });
});
