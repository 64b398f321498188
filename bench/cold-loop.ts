import { type MappedFile, NofaultError, open, type PageSet } from 'nofault';
import type { Figure, Surroundings } from './contract';
import { type LoopDelay, loopDelayDuring, loopDelayIdle } from './loop-delay';
import { figure } from './rounds';
import { Random } from './statistics';
import type { TestFile } from './test-file';
import { ThreadWaits } from './thread-waits';

const PAGES = 5000;
const RUNS = 5;
/**
 * Vectors of each run that come before those that count: a function that V8's compilers get hold of only then makes its thread wait for theirs, inside
 * whatever it is doing.
 */
const WARM_UP = 8;
/** 99.9 % means something only from a thousand turns of a millisecond on. */
const LEAST_MILLISECONDS = 2000;

/** What cold reads cost the event loop: how late it turns, and whether its thread waits in a touch. */
export async function loopFigures(surroundings: Surroundings, file: TestFile): Promise<Figure[]> {
  const random = new Random(4);
  const over: number[] = [];
  const overReading: number[] = [];
  const during: LoopDelay[] = [];
  const idle: LoopDelay[] = [];
  const touching = new ThreadWaits();
  const asking = new ThreadWaits();
  let counted = 0;
  surroundings.narrate(`${RUNS} runs of at least ${LEAST_MILLISECONDS} ms of cold reads, and of as much idleness`);
  for (let run = 0; run < RUNS; run++) {
    // Arrival alone: what the library does to the loop. Reading: what the loop sees of a program that reads each entry as it arrives.
    const arrival = await runCold(file, random, awaitArrival, touching, asking);
    const reading = await runCold(file, random, readEach, touching, asking);
    const still = await loopDelayIdle(arrival.delay.elapsed);
    over.push(arrival.delay.p999 - still.p999);
    overReading.push(reading.delay.p999 - still.p999);
    during.push(arrival.delay);
    idle.push(still);
    const touched = await runCold(file, random, readAfterArrival, touching, asking);
    counted += arrival.counted + reading.counted + touched.counted;
  }
  const touches = await touching.end();
  const calls = await asking.end();
  const turns = Math.min(...during.map((delay) => delay.turns));
  surroundings.narrate(`turns of the loop in the shortest run: ${turns}`);
  return [
    figure('loopDelayOver', over, 'p99.9 loop delay during cold getPages less the same while idle, ms', { atMost: 2 }),
    figure('loopDelayOverReading', overReading, 'the same while each entry is read as it arrives (for await), ms'),
    figure(
      'loopDelayDuring_ms',
      during.map(({ p999 }) => p999),
      'p99.9 loop delay during cold getPages, ms',
    ),
    figure(
      'loopDelayIdle_ms',
      idle.map(({ p999 }) => p999),
      'p99.9 loop delay while idle, ms',
    ),
    figure(
      'loopDelayLongest_ms',
      during.map(({ longest }) => longest),
      'longest loop delay during cold getPages, ms',
    ),
    {
      key: 'blockedTouches',
      value: touches.waits,
      what: "waits of the loop's thread (ru_majflt + ru_nvcsw) inside reads of arrived entries",
      target: { atMost: 0 },
    },
    { key: 'blockedTouchesMajorFaults', value: touches.majorFaults, what: 'those of them that were major faults' },
    {
      key: 'blockedTouchesCollecting',
      value: touches.besideCollections,
      what: 'not among them: waits for the garbage collector inside such reads',
    },
    { key: 'blockedCalls', value: calls.waits, what: "waits of the loop's thread inside the getPages calls themselves" },
    { key: 'blockedTouchesCounted', value: counted, what: 'the same as stats().blockedTouches counted them' },
  ];
}

/** Reads vector after vector of a cold file for long enough to see rare delays; each page is asked for once. */
async function runCold(
  file: TestFile,
  random: Random,
  consume: (set: PageSet, waits: ThreadWaits) => Promise<void>,
  touching: ThreadWaits,
  asking: ThreadWaits,
): Promise<{ delay: LoopDelay; counted: number }> {
  await file.evict();
  const vectors = random.pages(Math.min(file.pageCount >> 1, (40 + WARM_UP) * PAGES), 0, file.pageCount);
  const vector = (number: number): Uint32Array => vectors.subarray(number * PAGES, (number + 1) * PAGES);
  // What the preparation has left behind is not to be collected while the loop is watched.
  globalThis.gc?.();
  const mapped: MappedFile = await open(file.path);
  try {
    let next = 0;
    const unheeded = new ThreadWaits();
    for (; next < WARM_UP; next++)
      await consume(
        unheeded.during(() => mapped.getPages(vector(next))),
        unheeded,
      );
    await unheeded.end();
    const delay = await loopDelayDuring(async () => {
      const end = performance.now() + LEAST_MILLISECONDS;
      for (; (next + 1) * PAGES <= vectors.length && performance.now() < end; next++) {
        await consume(
          asking.during(() => mapped.getPages(vector(next))),
          touching,
        );
      }
    });
    return { delay, counted: mapped.stats().blockedTouches };
  } finally {
    await mapped.close();
  }
}

async function awaitArrival(set: PageSet): Promise<void> {
  await set.arrived;
}

async function readEach(set: PageSet, waits: ThreadWaits): Promise<void> {
  for await (const entry of set) waits.during(() => firstByte(set, entry));
}

async function readAfterArrival(set: PageSet, waits: ThreadWaits): Promise<void> {
  await set.arrived;
  for (let entry = 0; entry < set.length; entry++) waits.during(() => firstByte(set, entry));
}

/** Undefined where the system took the page away between its arrival and this read: that is said, not waited for. */
function firstByte(set: PageSet, entry: number): number | undefined {
  try {
    return set.bytes(entry)[0];
  } catch (error) {
    if (error instanceof NofaultError && error.code === 'NOT_RESIDENT') return undefined;
    throw error;
  }
}
