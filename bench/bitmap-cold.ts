import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openIndex } from 'nofault';
import { RoaringBitmap32 } from 'roaring';
import { baseline } from './baseline';
import { type BooleanColumn, type Placed, writeBooleanIndex } from './bitmap-file';
import { neededPages } from './bitmap-needs';
import { halfOfRows, othersOf, serialized } from './bitmap-roaring';
import { serverFigures } from './bitmap-server';
import type { Figure, Surroundings } from './contract';
import { type LoopDelay, loopDelayDuring, loopDelayIdle } from './loop-delay';
import { bytesRead } from './process-io';
import { compete, figure } from './rounds';
import { Random } from './statistics';
import { TestFile } from './test-file';

const CHUNK = 65_536;
const BITSET = 8192;
/** Columns of which each row is true or not at random; each takes a bitset a chunk for true and one for false. */
const DENSE = 4;
const CHUNKS = 24_576;
const QUICK_CHUNKS = 16_640;
/** Columns that are true in a few rows of a few chunks. */
const RARE = 32;
/** Part of the chunks in which a rare column has rows: with two bitsets a chunk, and pages that begin before and end behind them, it needs 2 % of the index. */
const RARE_PART = 0.053;
const ROWS_A_CHUNK = 40;
const QUERIES_AT_ONCE = 32;

/** Queries of an index that is not in memory. */
export async function coldBitmapFigures(surroundings: Surroundings): Promise<Figure[]> {
  const { files, quick, narrate } = surroundings;
  const chunks = quick ? QUICK_CHUNKS : CHUNKS;
  const path = join(files.folder, 'nofault-bench-cold.index');
  narrate(`writing ${path}`);
  const cold = new ColdIndex(path, chunks);
  try {
    return [
      ...(await selectiveFigures(cold, quick ? 5 : 11)),
      ...(await loopFigures(cold, quick ? 3 : 5, narrate)),
      ...(await serverFigures({
        index: path,
        hot: ['hot0 = true and hot1 = true', 'hot0 = true or hot1 = true', 'hot1 = true and not (hot0 = true)'],
        cold: cold.queries(),
        evict: () => cold.evict(),
        rounds: quick ? 2 : 9,
        narrate,
      })),
    ];
  } finally {
    cold.finish();
  }
}

class ColdIndex {
  readonly placed: Map<string, Placed>;
  readonly file: TestFile;

  constructor(
    readonly path: string,
    readonly chunks: number,
  ) {
    const rowCount = chunks * CHUNK;
    const random = new Random(8);
    const columns: BooleanColumn[] = Array.from({ length: DENSE }, (_, i) => ({
      name: `dense${i}`,
      isTrue: halfOfRows(chunks, i),
      isFalse: halfOfRows(chunks, i, true),
    }));
    for (let i = 0; i < RARE; i++)
      columns.push(thinColumn(`rare${i}`, rowCount, random.pages(Math.round(RARE_PART * chunks), 0, chunks), random));
    for (let i = 0; i < 2; i++) columns.push(thinColumn(`hot${i}`, rowCount, Uint32Array.of(5, 6, 7, 8), random));
    this.placed = writeBooleanIndex(path, rowCount, columns, 2 * DENSE * chunks * BITSET + 2 ** 26);
    this.file = new TestFile(path, statSync(path).size);
  }

  /** A selective question. */
  where(rare: number, one = 0): string {
    return `rare${rare} = true and dense${one} = true and dense${one + 1} = true`;
  }

  /** Questions that together need most of the index, and each about 2 % of it. */
  queries(): string[] {
    return [0, 2].flatMap((one) => Array.from({ length: RARE }, (_, rare) => this.where(rare, one)));
  }

  evict(): Promise<void> {
    return this.file.evict();
  }

  finish(): void {
    this.file.finish(true);
    if (existsSync(this.path)) rmSync(this.path);
  }
}

function thinColumn(name: string, rowCount: number, chunks: Uint32Array, random: Random): BooleanColumn {
  const rows = new RoaringBitmap32();
  for (const chunk of chunks) for (let i = 0; i < ROWS_A_CHUNK; i++) rows.add(chunk * CHUNK + random.below(CHUNK));
  return { name, isTrue: serialized(rows), isFalse: serialized(othersOf(rows, rowCount)) };
}

async function selectiveFigures(cold: ColdIndex, rounds: number): Promise<Figure[]> {
  const amplification: number[] = [];
  const needed = (round: number) => {
    const names = [`rare${rare(round)}`, 'dense0', 'dense1'];
    return neededPages(
      cold.file.fd,
      names.map((name) => cold.placed.get(name) as Placed),
    );
  };
  const rare = (round: number): number => (round + RARE) % RARE;
  const counts = new Map<number, number>();
  const plain = (advice: 'normal' | 'random') => ({
    name: advice,
    prepare: () => cold.evict(),
    run(round: number): number {
      const { pages } = needed(round);
      // The headers were looked at to know the pages: out with them again.
      baseline.evict(cold.file.fd);
      const map = new baseline.PlainMap(cold.file.fd, cold.file.size, advice);
      try {
        return map.touch(pages) / 1e6;
      } finally {
        map.unmap();
      }
    },
  });
  const samples = await compete(
    [
      {
        name: 'nofault',
        prepare: () => cold.evict(),
        async run(round) {
          const index = await openIndex(cold.path);
          try {
            const before = bytesRead();
            const start = performance.now();
            const count = await index.count(cold.where(rare(round)));
            const elapsed = performance.now() - start;
            const read = bytesRead() - before;
            counts.set(rare(round), count);
            if (round >= 0) amplification.push(read / (needed(round).pages.length * baseline.pageSize));
            return elapsed;
          } finally {
            await index.close();
          }
        },
      },
      plain('normal'),
      plain('random'),
    ],
    { rounds, warmUp: 1 },
  );
  const best = samples.of('normal').map((cost, round) => Math.min(cost, samples.of('random')[round] as number));
  const some = needed(0);
  return [
    figure('scanAmplification', amplification, 'bytes read from the device / bytes of the pages of needed headers and containers', {
      atMost: 1.15,
    }),
    figure(
      'mmap_over_cold',
      best.map((cost, round) => cost / (samples.of('nofault')[round] as number)),
      'one byte of each needed page touched in a plain mapping, the better advice / a cold count by nofault',
      { atLeast: 3 },
    ),
    samples.cost('cold_ms', 'nofault', 'a selective AND, cold, nofault, ms'),
    samples.cost('coldNormal_ms', 'normal', 'its pages touched in a plain mapping without advice, ms'),
    samples.cost('coldRandom_ms', 'random', 'its pages touched in a plain mapping with MADV_RANDOM, ms'),
    {
      key: 'neededPart',
      value: (some.pages.length * baseline.pageSize) / cold.file.size,
      what: 'bytes of the needed pages / bytes of the index',
    },
    { key: 'index_MiB', value: cold.file.size / 2 ** 20, what: 'size of the index, MiB' },
  ];
}

/** How late the loop turns while 32 cold queries run. */
async function loopFigures(cold: ColdIndex, rounds: number, narrate: (line: string) => void): Promise<Figure[]> {
  const during: LoopDelay[] = [];
  const idle: LoopDelay[] = [];
  const queries = cold.queries();
  for (let round = -1; round < rounds; round++) {
    await cold.evict();
    globalThis.gc?.();
    const index = await openIndex(cold.path);
    try {
      const next = queries.values();
      const ask = async (): Promise<void> => {
        for (const where of next) await index.count(where);
      };
      const delay = await loopDelayDuring(async () => {
        await Promise.all(Array.from({ length: QUERIES_AT_ONCE }, ask));
      });
      // The first one is for V8's compilers.
      if (round < 0) continue;
      during.push(delay);
      idle.push(await loopDelayIdle(delay.elapsed));
    } finally {
      await index.close();
    }
  }
  narrate(`${queries.length} cold queries, ${QUERIES_AT_ONCE} at once: ${during.map(({ turns }) => turns).join(', ')} turns of the loop`);
  return [
    figure(
      'loopDelayOver',
      during.map(({ p999 }, round) => p999 - (idle[round] as LoopDelay).p999),
      'p99.9 loop delay while 32 cold queries run less the same while idle, ms',
      { atMost: 2 },
    ),
    figure(
      'loopDelayDuring_ms',
      during.map(({ p999 }) => p999),
      'p99.9 loop delay while they run, ms',
    ),
    figure(
      'loopDelayIdle_ms',
      idle.map(({ p999 }) => p999),
      'p99.9 loop delay while idle, ms',
    ),
    figure(
      'loopDelayLongest_ms',
      during.map(({ longest }) => longest),
      'longest loop delay while they run, ms',
    ),
  ];
}
