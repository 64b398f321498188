import { spawnSync } from 'node:child_process';
import { accessSync, constants, truncateSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { type MappedFile, open } from '../../src/index';
import { builtPackage } from '../built-package';
import { programPath } from '../child';
import { expectThrown } from '../failures';
import { bytesByRead, evictUnmapped, MiB, OLDEST_VERDICT, pattern, TestFiles } from '../files';
import { bring, bytesIfThere, untilAnswered } from '../reading';
import { finished } from '../rigs/children';
import { damonLacks, whileReclaimedByDamon } from '../rigs/damon';
import { memoryCgroupLacks, startMemoryCgroup } from '../rigs/memory-cgroup';
import { makeCold, pageCacheLacks, pageOut, residentPages } from '../rigs/page-cache';
import { hasTool } from '../rigs/system';
import { when } from '../when';

// Every way out of memory, between a verdict and its use. Nothing here depends on what stays: the machine may take any page at any moment.
// A page that the kernel migrates stays mapped and resident by its own rules, and a machine with one node has nowhere to move it to: not shown here.

const files = TestFiles.make();
const PAGE = 4096;
const PAGES = 64;
const numbers = (count: number, step = 1): number[] => Array.from({ length: count }, (_, i) => i * step);

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** As long as a verdict may be believed, on the very clock that it is kept by. Nothing else of this thread runs meanwhile. */
function untilNoVerdictStands(): void {
  sleep(OLDEST_VERDICT + 1);
}

/** The same, with questions about the page all the time. */
function askUntilNoVerdictStands(file: MappedFile, page: number): void {
  const end = performance.now() + OLDEST_VERDICT + 1;
  while (performance.now() < end) file.tryPage(page);
}

function tool(program: string, ...words: string[]): void {
  const { status, stderr } = spawnSync(program, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
}

/** It takes what is cached of every file of the machine from everybody, so it has to be asked for. */
function dropCachesLacks(): string | undefined {
  if (process.env.NOFAULT_DROP_CACHES !== '1') return 'empties the page cache of the whole machine: NOFAULT_DROP_CACHES=1 runs it';
  try {
    accessSync('/proc/sys/vm/drop_caches', constants.W_OK);
    return undefined;
  } catch {
    return 'needs to be allowed to write to /proc/sys/vm/drop_caches';
  }
}

interface Means {
  readonly name: string;
  readonly lacks?: string | undefined;
  /** What is mapped stays (docs/kernel.md, 13), unless the machine takes it in that moment. */
  readonly mayStay?: true;
  evict(path: string): void;
}

const MEANS: readonly Means[] = [
  { name: 'reclaimed as a manager of memory does it (MADV_PAGEOUT)', evict: (path) => pageOut(path, process.pid) },
  {
    name: 'reclaimed by DAMON',
    lacks: damonLacks(),
    evict: (path) =>
      whileReclaimedByDamon(path, () => {
        // Bounded, since a page that is in use just then stays, and is tried anew.
        for (let i = 0; i < 50 && residentPages(path).includes(true); i++) sleep(5);
      }),
  },
  {
    name: 'overwritten past the cache by another process',
    evict: (path) =>
      tool('dd', 'if=/dev/urandom', `of=${path}`, `bs=${PAGES * PAGE}`, 'count=1', 'oflag=direct', 'conv=notrunc', 'iflag=fullblock'),
  },
  {
    name: 'in a hole that was punched',
    lacks: hasTool('fallocate') ? undefined : 'needs fallocate, of util-linux',
    evict: (path) => tool('fallocate', '-p', '-o', '0', '-l', String(PAGES * PAGE), path),
  },
  { name: 'not needed, says another process (posix_fadvise, DONTNEED)', mayStay: true, evict: evictUnmapped },
  { name: 'made cold by another process (MADV_COLD)', mayStay: true, evict: (path) => makeCold(path, process.pid) },
  {
    name: 'made cold, and then not needed',
    mayStay: true,
    evict: (path) => {
      makeCold(path, process.pid);
      evictUnmapped(path);
    },
  },
  {
    name: 'in caches that are dropped (drop_caches)',
    mayStay: true,
    lacks: dropCachesLacks(),
    evict: () => writeFileSync('/proc/sys/vm/drop_caches', '1'),
  },
];

const HOW = ['while nobody asks', 'while it is asked about all the time'] as const;

/** One eviction: pages that had left for certain, none of which was called a hit; and what was called one has the file's bytes. */
async function evictedOnce(file: MappedFile, path: string, pages: readonly number[], evict: Means['evict'], how: (typeof HOW)[number]) {
  await untilAnswered(
    () => (pages.every((page) => file.tryPage(page) !== undefined) ? true : undefined),
    () => bring(file, pages),
  );
  const set = file.getPages([...pages]);
  evict(path);
  const before = residentPages(path);
  if (how === 'while nobody asks') untilNoVerdictStands();
  else for (const page of pages.slice(0, 3)) askUntilNoVerdictStands(file, page);
  const answers = pages.map((page, entry) => [file.tryPage(page), bytesIfThere(set, entry)]);
  const after = residentPages(path);
  // Only what the judge has seen missing before and after is known to have been so all the time.
  const gone = numbers(pages.length).filter((entry) => !before[pages[entry] as number] && !after[pages[entry] as number]);
  expect(gone.filter((entry) => answers[entry]?.some((bytes) => bytes !== undefined))).toEqual([]);
  for (const [entry, page] of pages.entries()) {
    for (const bytes of answers[entry] ?? []) {
      if (bytes !== undefined && !bytesByRead(path, page * PAGE, PAGE).equals(bytes)) throw new Error(`page ${page} has wrong bytes`);
    }
  }
  return gone.length;
}

describe('a page that leaves memory is off the board within its bound', () => {
  for (const { name, lacks, mayStay, evict } of MEANS) {
    for (const how of HOW) {
      for (const pages of [[5], numbers(PAGES), numbers(8, 7)]) {
        when(pageCacheLacks() ?? lacks).test(`${name}, ${how}, ${pages.length} pages on the board`, async () => {
          const path = files.written(`leaving ${name.replace('/', ' ')} ${how} ${pages.length}`, pattern(PAGES * PAGE));
          evictUnmapped(path);
          const file = await open(path);
          // Reclaiming may leave pages that are in use.
          let gone = 0;
          for (let round = 0; mayStay ? round < 2 : gone === 0; round++) gone += await evictedOnce(file, path, pages, evict, how);
          // Not one touch has failed.
          expect(file.stats().errors).toBe(0);
          await file.close();
        });
      }
    }
  }

  when(pageCacheLacks()).test('truncated: the pages say so, and those before them go on', async () => {
    const path = files.written('truncated', pattern(PAGES * PAGE));
    const file = await open(path);
    await untilAnswered(
      () => (numbers(PAGES).every((page) => file.tryPage(page) !== undefined) ? true : undefined),
      () => bring(file, numbers(PAGES)),
    );
    truncateSync(path, 20 * PAGE);
    untilNoVerdictStands();
    expect(numbers(PAGES).filter((page) => page >= 20 && file.tryPage(page) !== undefined)).toEqual([]);
    const set = file.getPages([30, 2]);
    await set.arrived.catch(() => {});
    expectThrown('TRUNCATED', () => set.bytes(0));
    await untilAnswered(
      () => file.tryPage(2),
      () => bring(file, [2]),
    );
    await file.close();
  });

  when(pageCacheLacks() ?? memoryCgroupLacks()).each(
    ['reclaim', 'its limit'] as const,
    (how) => `taken by a control group that has too little memory: ${how}`,
    async (how) => {
      const path = files.write(`in a group, ${how}`, pattern(16 * MiB));
      const group = await startMemoryCgroup({ limit: 256 * MiB });
      try {
        evictUnmapped(path);
        const words = [programPath('reading-on-order.cjs'), builtPackage(), path, '2000'];
        const child = group.start(process.execPath, words, {}, { stdio: 'pipe' });
        const end = finished(child);
        const lines = createInterface(child.stdout as Readable)[Symbol.asyncIterator]();
        const next = async (): Promise<string> => String((await lines.next()).value);
        let gone: number[] = [];
        for (let round = 0; gone.length === 0 && round < 50; round++) {
          expect(await next()).toBe('here');
          if (how === 'reclaim') await group.reclaim();
          else {
            // Less than there is, but no less than what can be taken.
            await group.setLimit((await group.usage()) - 5 * MiB);
            await group.setLimit(256 * MiB);
          }
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
    },
  );
});
