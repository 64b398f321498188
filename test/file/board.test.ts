import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, fsyncSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { type MappedFile, open } from '../../src/index';
import { builtPackage } from '../built-package';
import { programPath, runProgram } from '../child';
import { expectThrown } from '../failures';
import { evictUnmapped, GiB, MiB, OLDEST_VERDICT, pattern, TestFiles } from '../files';
import { untilAnswered } from '../reading';
import { finished } from '../rigs/children';
import { memoryCgroupLacks, startMemoryCgroup } from '../rigs/memory-cgroup';
import { pageCacheLacks, pageOut, residentPages } from '../rigs/page-cache';
import { slowFolderLacks, startSlowFolder } from '../rigs/slow-folder';
import { hasTool } from '../rigs/system';
import { when } from '../when';

// A page that the kernel migrates stays mapped and resident by its own rules, and a machine with one node has nowhere to move it to: not shown here.

const files = TestFiles.make();
const PAGE = 4096;
const numbers = (count: number, step = 1): number[] => Array.from({ length: count }, (_, i) => i * step);

/** As long as a verdict may be believed, on the very clock that it is kept by. Nothing else of this thread runs meanwhile. */
function untilNoVerdictStands(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, OLDEST_VERDICT + 1);
}

/** The same, with questions about the page all the time. */
function askUntilNoVerdictStands(file: MappedFile, page: number): void {
  const end = performance.now() + OLDEST_VERDICT + 1;
  while (performance.now() < end) file.tryPage(page);
}

/** Written out, so that the kernel can drop its pages. */
function written(name: string, content: Buffer): string {
  const path = files.write(name, content);
  const fd = openSync(path, 'r+');
  fsyncSync(fd);
  closeSync(fd);
  return path;
}

function bring(file: MappedFile, pages: readonly number[]): Promise<unknown> {
  return file.getPages([...pages]).arrived;
}

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
    const path = written('written', pattern(10 * PAGE));
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

describe('a page that leaves memory is off the board within its bound', () => {
  const tests = when(pageCacheLacks()).test;

  interface Means {
    readonly name: string;
    readonly lacks?: string | undefined;
    evict(path: string): void;
  }

  const tool = (program: string, ...words: string[]): void => {
    const { status, stderr } = spawnSync(program, words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
  };

  const means: readonly Means[] = [
    { name: 'reclaimed as DAMON does it, or a manager of memory', evict: (path) => pageOut(path, process.pid) },
    {
      name: 'overwritten past the cache by another process',
      evict: (path) =>
        tool('dd', 'if=/dev/urandom', `of=${path}`, `bs=${64 * PAGE}`, 'count=1', 'oflag=direct', 'conv=notrunc', 'iflag=fullblock'),
    },
    {
      name: 'in a hole that was punched',
      lacks: hasTool('fallocate') ? undefined : 'needs fallocate, of util-linux',
      evict: (path) => tool('fallocate', '-p', '-o', '0', '-l', String(64 * PAGE), path),
    },
  ];

  for (const { name, lacks, evict } of means) {
    for (const how of ['while nobody asks', 'while it is asked about all the time'] as const) {
      for (const pages of [[5], numbers(64), numbers(8, 7)]) {
        when(pageCacheLacks() ?? lacks).test(`${name}, ${how}, ${pages.length} pages on the board`, async () => {
          const path = written(`leaving ${name} ${how} ${pages.length}`, pattern(64 * PAGE));
          evictUnmapped(path);
          const file = await open(path);
          let gone: number[] = [];
          // Only what the judge has seen missing before and after is known to have been so all the time. Reclaiming may leave pages that are in use.
          while (gone.length === 0) {
            await untilAnswered(
              () => (pages.every((page) => file.tryPage(page) !== undefined) ? true : undefined),
              () => bring(file, pages),
            );
            evict(path);
            const before = residentPages(path);
            if (how === 'while nobody asks') untilNoVerdictStands();
            else for (const page of pages.slice(0, 3)) askUntilNoVerdictStands(file, page);
            const answers = new Map(pages.map((page) => [page, file.tryPage(page) !== undefined]));
            const after = residentPages(path);
            gone = pages.filter((page) => before[page] === false && after[page] === false);
            expect(gone.filter((page) => answers.get(page) === true)).toEqual([]);
          }
          await file.close();
        });
      }
    }
  }

  tests('truncated: the pages say so, and those before them go on', async () => {
    const path = written('truncated', pattern(64 * PAGE));
    const file = await open(path);
    await untilAnswered(
      () => (numbers(64).every((page) => file.tryPage(page) !== undefined) ? true : undefined),
      () => bring(file, numbers(64)),
    );
    truncateSync(path, 20 * PAGE);
    untilNoVerdictStands();
    expect(numbers(64).filter((page) => page >= 20 && file.tryPage(page) !== undefined)).toEqual([]);
    const set = file.getPages([30, 2]);
    await set.arrived.catch(() => {});
    expectThrown('TRUNCATED', () => set.bytes(0));
    await untilAnswered(
      () => file.tryPage(2),
      () => bring(file, [2]),
    );
    await file.close();
  });

  when(pageCacheLacks() ?? memoryCgroupLacks()).test('taken by a control group that has too little memory', async () => {
    const path = files.write('in a group', pattern(16 * MiB));
    const group = await startMemoryCgroup({ limit: 256 * MiB });
    try {
      evictUnmapped(path);
      const child = group.start(
        process.execPath,
        [programPath('reading-on-order.cjs'), builtPackage(), path, '2000'],
        {},
        { stdio: 'pipe' },
      );
      const end = finished(child);
      const lines = createInterface(child.stdout as Readable)[Symbol.asyncIterator]();
      const next = async (): Promise<string> => String((await lines.next()).value);
      let gone: number[] = [];
      for (let round = 0; gone.length === 0 && round < 50; round++) {
        expect(await next()).toBe('here');
        await group.reclaim();
        const before = residentPages(path);
        untilNoVerdictStands();
        (child.stdin as Writable).write('ask\n');
        const answers = JSON.parse(await next()) as boolean[];
        const after = residentPages(path);
        gone = numbers(2000).filter((page) => before[page] === false && after[page] === false);
        expect(gone.filter((page) => answers[page])).toEqual([]);
        (child.stdin as Writable).write('again\n');
      }
      (child.stdin as Writable).end();
      expect(gone.length).toBeGreaterThan(0);
      expect(await end).toMatchObject({ code: 0, signal: null, stderr: '' });
    } finally {
      await group.stop();
    }
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
