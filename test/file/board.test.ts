import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { open } from '../../src/index';
import { builtPackage } from '../built-package';
import { programPath, runProgram } from '../child';
import { GiB, MiB, pattern, TestFiles } from '../files';
import { bring, untilAnswered } from '../reading';
import { pageCacheLacks } from '../rigs/page-cache';
import { slowFolderLacks, startSlowFolder } from '../rigs/slow-folder';
import { when } from '../when';

const files = TestFiles.make();
const PAGE = 4096;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('after a first hit', () => {
  test('pages are hits by the board, without another question', async () => {
    const file = await open(files.patterned('hits', 100 * PAGE));
    // A page may leave between two calls, and then is asked about again.
    await untilAnswered(
      () => {
        if (numbers(100).some((page) => file.tryPage(page) === undefined)) return undefined;
        const before = file.stats();
        for (const page of numbers(100)) file.tryPage(page);
        const { boardHits } = file.stats();
        return boardHits - before.boardHits === 100 ? true : undefined;
      },
      () => bring(file, numbers(100)),
    );
    const { hits, boardHits, kernelHits } = file.stats();
    expect(boardHits).toBeGreaterThanOrEqual(100);
    expect(hits).toBe(boardHits + kernelHits);
    await file.close();
  });

  test('whole vectors, runs, ranges and copies are hits by the board', async () => {
    const content = pattern(300 * PAGE);
    const file = await open(files.write('vectors', content));
    const questions: (() => boolean)[] = [
      () => file.getPages(numbers(300)).misses === 0,
      () => file.getPages(Uint32Array.from(numbers(300))).misses === 0,
      () => file.getPages([{ first: 3, count: 200 }]).misses === 0,
      () => file.getRanges([{ offset: 5000, length: 1_000_000 }]).misses === 0,
      () => file.tryRange(77, 100_000) !== undefined,
      () => file.tryRead([Buffer.alloc(10_000)], [12_345]) === 10_000,
    ];
    for (const question of questions) {
      await untilAnswered(
        () => {
          if (!question()) return undefined;
          const { kernelHits, boardHits } = file.stats();
          if (!question()) return undefined;
          const after = file.stats();
          return after.kernelHits === kernelHits && after.boardHits > boardHits ? true : undefined;
        },
        () => bring(file, numbers(300)),
      );
    }
    await file.close();
  });

  test('verdicts that nobody uses for long expire, and the kernel is asked again', async () => {
    const file = await open(files.patterned('expiring', 10 * PAGE));
    await untilAnswered(
      () => file.tryPage(3),
      () => bring(file, [3]),
    );
    // The watch leaves a window alone that was not used for half a second; then its verdicts age.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { boardHits } = file.stats();
    file.tryPage(3);
    expect(file.stats().boardHits).toBe(boardHits);
    await file.close();
  });

  test("with trust: 'never' nothing is on a board", async () => {
    const file = await open(files.patterned('never', 100 * PAGE), { trust: 'never' });
    await bring(file, numbers(100));
    const asked = (): number => numbers(100).filter((page) => file.tryPage(page) !== undefined).length;
    await untilAnswered(
      () => (asked() === 100 && asked() === 100 ? true : undefined),
      () => bring(file, numbers(100)),
    );
    file.getPages(numbers(100));
    file.tryRange(0, 10_000);
    const { boardHits, kernelHits, hits } = file.stats();
    expect({ boardHits, all: kernelHits === hits }).toEqual({ boardHits: 0, all: true });
    await file.close();
  });

  test('what another process writes is seen at once, and what was a hit stays one', async () => {
    const path = files.written('written', pattern(10 * PAGE));
    const file = await open(path);
    for (let round = 0; round < 50; round++) {
      const fd = openSync(path, 'r+');
      writeSync(fd, Buffer.alloc(PAGE, round), 0, PAGE, 4 * PAGE);
      closeSync(fd);
      const bytes = await untilAnswered(
        () => file.tryPage(4),
        () => bring(file, [4]),
      );
      expect(Buffer.from(bytes).equals(Buffer.alloc(PAGE, round))).toBe(true);
    }
    await file.close();
  });
});

when(slowFolderLacks()).describe('on a file system whose server takes pages back', () => {
  test('nothing is ever on a board; a page that was taken back is no hit in the next turn', async () => {
    const folder = await startSlowFolder({});
    try {
      const file = await open(await folder.write('file', pattern(64 * PAGE)));
      for (let round = 0; round < 10; round++) {
        await bring(file, numbers(64));
        numbers(64).map((page) => file.tryPage(page));
        await folder.revoke('file');
        // No call of this program has brought anything back since.
        expect(numbers(64).filter((page) => file.tryPage(page) !== undefined)).toEqual([]);
        const set = file.getPages(numbers(64));
        expect(set.hits).toBe(0);
        await set.arrived;
      }
      expect(file.stats().boardHits).toBe(0);
      await file.close();
    } finally {
      await folder.stop();
    }
  });
});

describe('many boards', () => {
  test('a thousand windows each have theirs', async () => {
    const window = 32 * MiB;
    const marks = numbers(1000).map((i) => ({ offset: i * window + 8 * PAGE, content: Buffer.alloc(PAGE, (i % 255) + 1) }));
    const path = files.sparse('a thousand', 1000 * window + GiB, marks);
    const file = await open(path);
    const pages = marks.map(({ offset }) => offset / PAGE);
    for (let round = 0; round < 3; round++) {
      let read = 0;
      for await (const entry of file.getPages(pages)) {
        const bytes = file.tryPage(pages[entry] as number);
        if (bytes === undefined) continue;
        read++;
        expect([bytes[0], bytes[PAGE - 1]]).toEqual([(entry % 255) + 1, (entry % 255) + 1]);
      }
      // Nearly all: the machine may take some.
      expect(read).toBeGreaterThan(500);
    }
    expect(file.stats()).toMatchObject({ windows: 1000, errors: 0 });
    expect(file.stats().boardHits).toBeGreaterThan(0);
    await file.close();
  });

  test('each worker has its own; one that closes or ends takes nothing from another', async () => {
    const content = pattern(4 * MiB);
    const path = files.write('shared', content);
    const own = await open(path);
    const pages = numbers(1024);
    const hash = createHash('sha256').update(content).digest('hex');
    for (let round = 0; round < 6; round++) {
      const worker = new Worker(programPath('worker-reading-pages.cjs'), { workerData: { built: builtPackage(), path, pages } });
      const ended = once(worker, 'exit');
      const answer = once(worker, 'message');
      const reader = await open(path);
      for (const page of pages) {
        const bytes = await untilAnswered(
          () => reader.tryPage(page),
          () => bring(reader, [page]),
        );
        expect(Buffer.compare(bytes, content.subarray(page * PAGE, (page + 1) * PAGE))).toBe(0);
        own.tryPage(page);
      }
      await reader.close();
      expect(await answer).toEqual([hash]);
      expect(await ended).toEqual([0]);
    }
    expect(own.stats().errors).toBe(0);
    await own.close();
  });
});

when(pageCacheLacks()).test('whatever happens to a file, every byte that is served is one that it had', async () => {
  // Every page is filled with its number's pattern of one of several generations, or is a hole.
  const path = files.path('soak');
  writeFileSync(path, Buffer.alloc(0));
  const result = await runProgram('soak-of-trust.cjs', [path, '4000']);
  expect(result).toMatchObject({ code: 0, signal: null, stderr: '' });
  const { wrong, served, evicted, errors } = JSON.parse(result.stdout);
  expect({ wrong, errors }).toEqual({ wrong: [], errors: 0 });
  expect(served).toBeGreaterThan(0);
  expect(evicted).toBeGreaterThan(0);
});
