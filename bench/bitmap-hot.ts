import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type BitmapIndex, openIndex } from 'nofault';
import type { RoaringBitmap32 } from 'roaring';
import { RoaringBitmap32 as Roaring } from 'roaring';
import { writeBooleanIndex } from './bitmap-file';
import { othersOf, randomRows, serialized } from './bitmap-roaring';
import type { Figure, Surroundings } from './contract';
import { type Contestant, compete, type Samples } from './rounds';
import { Random } from './statistics';

const ROWS = 1e8;
const DENSITIES = { a: 0.1, b: 0.05, c: 0.3, d: 0.01 } as const;
type Name = keyof typeof DENSITIES;
type Bitmaps = Record<Name, RoaringBitmap32>;
const NAMES = Object.keys(DENSITIES) as Name[];

/** Parsed when they are asked for the first time, which is not measured; an index remembers texts. */
const TWO = 'a = true and b = true';
const FOUR = '(a = true or b = true) and c = true and not (d = true)';

/** (A or B) and C and not D with `roaring`, in each way that we could think of; the fastest of a round is what nofault is compared with. */
const FORMULATIONS: readonly { readonly name: string; count(bitmaps: Bitmaps): number }[] = [
  { name: 'or, and, andNot', count: ({ a, b, c, d }) => cardinalityWithout(intersected(Roaring.or(a, b), c), d) },
  { name: 'andNot first', count: ({ a, b, c, d }) => Roaring.or(a, b).andCardinality(Roaring.andNot(c, d)) },
  { name: 'or of ands', count: ({ a, b, c, d }) => cardinalityWithout(united(Roaring.and(a, c), Roaring.and(b, c)), d) },
  {
    name: 'cardinalities of one intermediate',
    count: ({ a, b, c, d }) => {
      const rest = Roaring.andNot(c, d);
      return rest.andCardinality(a) + rest.andCardinality(b) - rest.andCardinality(Roaring.and(a, b));
    },
  },
];

function intersected(one: RoaringBitmap32, other: RoaringBitmap32): RoaringBitmap32 {
  one.andInPlace(other);
  return one;
}

function united(one: RoaringBitmap32, other: RoaringBitmap32): RoaringBitmap32 {
  one.orInPlace(other);
  return one;
}

function cardinalityWithout(one: RoaringBitmap32, other: RoaringBitmap32): number {
  return one.andNotCardinality(other);
}

/** Queries of 10^8 rows with everything in memory, beside the library `roaring` with all bitmaps on its heap. */
export async function hotBitmapFigures({ files, narrate, quick }: Surroundings): Promise<Figure[]> {
  const path = join(files.folder, 'nofault-bench-hot.index');
  narrate(`an index of ${ROWS} rows`);
  const random = new Random(6);
  const bitmaps = Object.fromEntries(NAMES.map((name) => [name, randomRows(ROWS, DENSITIES[name], random)])) as Bitmaps;
  const columns = NAMES.map((name) => ({ name, isTrue: serialized(bitmaps[name]), isFalse: serialized(othersOf(bitmaps[name], ROWS)) }));
  try {
    writeBooleanIndex(path, ROWS, columns, 2 ** 28);
    const index = await openIndex(path);
    try {
      await checkAnswers(index, bitmaps);
      const samples = await contest(index, bitmaps, quick);
      return figuresOf(samples);
    } finally {
      await index.close();
    }
  } finally {
    if (existsSync(path)) rmSync(path);
  }
}

async function checkAnswers(index: BitmapIndex, bitmaps: Bitmaps): Promise<void> {
  const two = Roaring.and(bitmaps.a, bitmaps.b);
  const rows = await rowsOf(index);
  if (Buffer.compare(bytesOf(rows), bytesOf(two.toUint32Array())) !== 0) throw new Error('other rows than those of roaring');
  if ((await index.count(TWO)) !== two.size) throw new Error('another count than that of roaring');
  const four = await index.count(FOUR);
  for (const { name, count } of FORMULATIONS) if (count(bitmaps) !== four) throw new Error(`another count than that of roaring (${name})`);
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** All rows of A and B in one array, as `toUint32Array` gives them. */
async function rowsOf(index: BitmapIndex): Promise<Uint32Array> {
  const batches: Uint32Array[] = [];
  let length = 0;
  for await (const batch of index.rows(TWO)) {
    batches.push(batch);
    length += batch.length;
  }
  const rows = new Uint32Array(length);
  let at = 0;
  for (const batch of batches) {
    rows.set(batch, at);
    at += batch.length;
  }
  return rows;
}

async function takeRows(index: BitmapIndex): Promise<number> {
  let count = 0;
  for await (const batch of index.rows(TWO)) count += batch.length;
  return count;
}

async function contest(index: BitmapIndex, bitmaps: Bitmaps, quick: boolean): Promise<Samples> {
  const { a, b } = bitmaps;
  // Nobody pays for what another one has left: bitmaps of `roaring` count as memory of the heap, and who allocates next would collect them.
  const prepare = async (): Promise<void> => {
    globalThis.gc?.();
    // Threads of V8's own clean up after it.
    await pause(5);
  };
  const timed = (name: string, work: () => unknown): Contestant => ({
    name,
    prepare,
    async run() {
      const start = performance.now();
      await work();
      return performance.now() - start;
    },
  });
  return compete(
    [
      timed('nofault2', () => index.count(TWO)),
      timed('roaring2', () => a.andCardinality(b)),
      timed('nofault4', () => index.count(FOUR)),
      {
        name: 'roaring4',
        prepare,
        run: () => Math.min(...FORMULATIONS.map(({ count }) => duration(() => count(bitmaps)))),
      },
      timed('nofaultRows', () => takeRows(index)),
      timed('nofaultArray', () => rowsOf(index)),
      timed('roaringRows', () => Roaring.and(a, b).toUint32Array()),
    ],
    { rounds: quick ? 21 : 61, warmUp: 10 },
  );
}

function duration(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function figuresOf(samples: Samples): Figure[] {
  return [
    samples.ratio('roaring_over_hot2', 'roaring2', 'nofault2', 'A and B, count: roaring / nofault, everything in memory', { atLeast: 1 }),
    samples.ratio('roaring_over_hot4', 'roaring4', 'nofault4', '(A or B) and C and not D, count: roaring / nofault', { atLeast: 3 }),
    samples.ratio('roaring_over_rows', 'roaringRows', 'nofaultRows', 'ascending rows of A and B, in batches: roaring / nofault', {
      atLeast: 1,
    }),
    samples.ratio('roaring_over_rowsArray', 'roaringRows', 'nofaultArray', 'the same gathered into one array'),
    samples.cost('hot2_ms', 'nofault2', 'A and B, count, nofault, ms'),
    samples.cost('hot2Roaring_ms', 'roaring2', 'the same, roaring, ms'),
    samples.cost('hot4_ms', 'nofault4', '(A or B) and C and not D, count, nofault, ms'),
    samples.cost('hot4Roaring_ms', 'roaring4', 'the same, roaring, the fastest of its formulations, ms'),
    samples.cost('hotRows_ms', 'nofaultRows', 'rows of A and B, nofault, ms'),
    samples.cost('hotRowsRoaring_ms', 'roaringRows', 'the same, roaring, ms'),
  ];
}
