import { join } from 'node:path';
import { finished } from '../test/rigs/children';
import { start } from '../test/rigs/launch';
import { memoryCgroupLacks, startMemoryCgroup } from '../test/rigs/memory-cgroup';
import type { Bench, Figure, Surroundings } from './contract';
import type { HotFindings, HotOrder, Way } from './pressure-hot';
import type { WatchFindings, WatchOrder } from './pressure-watch';
import { figure } from './rounds';
import { quartiles, Random } from './statistics';
import type { TestFile } from './test-file';

const MIB = 2 ** 20;
const LIMIT = 256 * MIB;
const HOT_MEBIBYTES = 64;
const SCANNED_MEBIBYTES = 4096;
const QUICK_SCANNED_MEBIBYTES = 2048;
const WATCHED_MEBIBYTES = 1024;
/** Twice the group's limit: from then on every page that comes has another one leave. */
const LEAD = 2 * LIMIT;
const WAYS: readonly Way[] = ['watch', 'never', 'plain'];

export const pressure: Bench = {
  name: 'pressure',
  what: 'reads of a hot set of 64 MiB beside a scan, in 256 MiB of memory, and what the watch costs; needs root and a memory control group',
  lacks: memoryCgroupLacks,
  async run(surroundings) {
    return [...(await hotFigures(surroundings)), ...(await watchFigures(surroundings))];
  },
};

async function hotFigures({ quick, files, narrate }: Surroundings): Promise<Figure[]> {
  const hot = files.ofMebibytes(HOT_MEBIBYTES);
  const scanned = files.ofMebibytes(quick ? QUICK_SCANNED_MEBIBYTES : SCANNED_MEBIBYTES);
  const rounds = quick ? 1 : 3;
  // All rounds together are two million reads at least.
  const reads = quick ? 800_000 : 1_000_000;
  narrate(`${rounds} rounds of ${reads} reads by the library, by the library with trust 'never', and of a plain mapping`);
  const found: Record<Way, HotFindings[]> = { watch: [], never: [], plain: [] };
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < WAYS.length; turn++) {
      const way = WAYS[(turn + round) % WAYS.length] as Way;
      // Whoever brings a page in is charged for it: so nothing may be in memory before.
      await hot.evict();
      await scanned.evict();
      found[way].push(await inGroup({ way, hot: hot.path, scanned: scanned.path, reads, lead: LEAD }));
    }
  }
  const { watch, never, plain } = found;
  return [
    share('blockedPerHit', watch, blocked, hits, 'waits of the loop in slices of reads / hits', { atMost: 1e-5 }),
    share('hotHitShare', watch, hits, reads_, 'hits / reads', { atLeast: 0.999 }),
    share('boardShare', watch, (one) => one.boardHits, hits, 'hits that the boards answered / hits'),
    share('blockedPerHitNever', never, blocked, hits, "the first one with trust 'never'"),
    share('hotHitShareNever', never, hits, reads_, "hits / reads with trust 'never'"),
    share('blockedPerHitPlain', plain, blocked, hits, 'the first one of a plain mapping: every read counts as a hit'),
    figure(
      'hotReads_per_s',
      watch.map((one) => one.reads / one.seconds),
      'reads a second (wanted of it: 163,840)',
    ),
    figure('scan_MiB_per_s', watch.map(scanRate), 'what the scan got meanwhile, MiB/s'),
    figure('scanBesideNever_MiB_per_s', never.map(scanRate), "the same beside trust 'never'"),
    figure('scanBesidePlain_MiB_per_s', plain.map(scanRate), 'the same beside a plain mapping'),
    sum('hits', watch, hits, 'hits, all rounds'),
    sum('blocked', watch, blocked, 'waits in slices of reads, all rounds'),
    sum('majorFaults', watch, (one) => one.majorFaults, 'those of them that were major faults'),
    sum('blockedCollecting', watch, (one) => one.besideCollections, 'sleeps in slices in which garbage was collected: not among them'),
    sum('blockedFetching', watch, (one) => one.waitsFetching, 'waits in the getPages calls for what was missing: not among them'),
    sum('blockedTouchesCounted', watch, (one) => one.blockedTouches, 'what stats() said'),
    sum('verdictsDropped', watch, (one) => one.verdictsDropped, 'verdicts on hot pages that were taken back, all rounds'),
  ];
}

const hits = (one: HotFindings): number => one.hits;
const reads_ = (one: HotFindings): number => one.reads;
const blocked = (one: HotFindings): number => one.waits;
const scanRate = (one: HotFindings): number => one.scannedBytes / MIB / one.seconds;

/** One count over another, of all rounds together: a round that went badly counts in full. The quartiles are those of the rounds. */
function share(
  key: string,
  found: readonly HotFindings[],
  part: (one: HotFindings) => number,
  whole: (one: HotFindings) => number,
  what: string,
  target?: Figure['target'],
): Figure {
  const all = (count: (one: HotFindings) => number): number => found.reduce((before, one) => before + count(one), 0);
  if (found.some((one) => whole(one) === 0)) throw new Error(`${key}: a round had no hit, so that there is nothing to measure`);
  return {
    key,
    value: all(part) / all(whole),
    quartiles: quartiles(found.map((one) => part(one) / whole(one))),
    what,
    ...(target && { target }),
  };
}

function sum(key: string, found: readonly HotFindings[], count: (one: HotFindings) => number, what: string): Figure {
  return { key, value: found.reduce((before, one) => before + count(one), 0), what };
}

/** A new group for each process: no page is charged to it that another one brought in. */
async function inGroup(order: HotOrder): Promise<HotFindings> {
  const group = await startMemoryCgroup({ limit: LIMIT });
  try {
    return resultOf<HotFindings>('pressure-hot', await group.run(process.execPath, program('pressure-hot', order)));
  } finally {
    await group.stop();
  }
}

async function watchFigures({ quick, files, narrate }: Surroundings): Promise<Figure[]> {
  const file = files.ofMebibytes(WATCHED_MEBIBYTES);
  const milliseconds = quick ? 2000 : 5000;
  narrate(`the watch over ${WATCHED_MEBIBYTES} MiB in large folios`);
  await file.evict();
  file.readThrough();
  const large = await watching(file, milliseconds);
  narrate('the same in 4 KiB folios');
  await file.evict();
  file.readScattered(new Random(3).pages(file.pageCount, 0, file.pageCount));
  const small = await watching(file, milliseconds);
  return [
    { key: 'watchCpu', value: large.reading, what: 'CPU of the watch while 1 GiB is read, % of a core', target: { atMost: 3 } },
    { key: 'watchBoardShare', value: large.boardShare, what: 'reads of it that the boards answered / reads' },
    { key: 'idleWatchCpu', value: large.idle, what: 'CPU of the watch while nobody reads, % of a core', target: { atMost: 0 } },
    {
      key: 'smallFolios_watchCpu',
      value: small.reading,
      what: 'CPU of the watch while 1 GiB is read, 4 KiB folios',
      target: { atMost: 3 },
    },
    { key: 'smallFolios_watchBoardShare', value: small.boardShare, what: 'reads of it that the boards answered / reads, 4 KiB folios' },
    {
      key: 'smallFolios_idleWatchCpu',
      value: small.idle,
      what: 'CPU of the watch while nobody reads, 4 KiB folios',
      target: { atMost: 0 },
    },
  ];
}

async function watching(file: TestFile, milliseconds: number): Promise<WatchFindings> {
  const order: WatchOrder = { path: file.path, milliseconds };
  return resultOf<WatchFindings>('pressure-watch', await finished(start(process.execPath, program('pressure-watch', order), {})));
}

function program(name: string, order: object): string[] {
  return [join(__dirname, `${name}.js`), JSON.stringify(order)];
}

function resultOf<T>(name: string, { code, signal, stdout, stderr }: Awaited<ReturnType<typeof finished>>): T {
  const line = stdout.trimEnd().split('\n').at(-1);
  if (code !== 0 || !line) throw new Error(`${name} ended with ${signal ?? `exit code ${code}`}: ${stderr.trim()}`);
  return JSON.parse(line) as T;
}
