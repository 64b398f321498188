import fc from 'fast-check';
import type { RoaringBitmap32 } from 'roaring';
import type { BitmapRef } from '../../src/bitmap/format';
import { Scanner, type ScanOptions } from '../../src/bitmap/scanner';
import type { Tree } from '../../src/bitmap/tree';
import { type MappedFile, open } from '../../src/index';
import { evictMapped, evictUnmapped, TestFiles } from '../files';
import { bitmapOf, expected, FILLS, type Fill, Random, writeBitmaps } from './bitmap-file';

const files = TestFiles.make();
const ROWS = 4 * 65_536 + 12_345;
const CHUNKS = 5;

/** Bitmaps of a file, and the file as it is scanned. */
class Scanned {
  private constructor(
    readonly path: string,
    readonly bitmaps: ReadonlyMap<number, RoaringBitmap32>,
    readonly refs: readonly BitmapRef[],
    readonly file: MappedFile,
    readonly scanner: Scanner,
  ) {}

  static async make(name: string, fills: readonly (readonly Fill[])[], random: Random, rowCount = ROWS): Promise<Scanned> {
    const bitmaps = fills.map((each) => bitmapOf(each, rowCount, random));
    const path = files.path(name);
    const refs = writeBitmaps(path, bitmaps);
    const file = await open(path);
    return new Scanned(
      path,
      new Map(refs.map((ref, i) => [ref.offset, bitmaps[i] as RoaringBitmap32])),
      refs,
      file,
      new Scanner(file, rowCount),
    );
  }

  expected(tree: Tree): RoaringBitmap32 {
    return expected(tree, this.scanner.rowCount, this.bitmaps);
  }

  async close(): Promise<void> {
    await this.scanner.close();
    await this.file.close();
  }
}

async function rowsOf(batches: AsyncIterable<Uint32Array>): Promise<number[]> {
  const rows: number[] = [];
  for await (const batch of batches) {
    expect(batch.length).toBeGreaterThan(0);
    for (const row of batch) rows.push(row);
  }
  return rows;
}

/** Everything that a scanner answers about a tree, beside what the library says. */
async function expectRight(scanned: Scanned, tree: Tree, options: ScanOptions = {}): Promise<void> {
  const right = scanned.expected(tree);
  const { scanner } = scanned;
  expect(await scanner.count(tree, options)).toBe(right.size);
  const now = scanner.tryCount(tree);
  if (now !== undefined) expect(now).toBe(right.size);
  const rows = Uint32Array.from(await rowsOf(scanner.rows(tree, options)));
  expect(Buffer.compare(Buffer.from(rows.buffer), Buffer.from(right.toUint32Array().slice().buffer))).toBe(0);
  right.runOptimize();
  const written = await scanner.bitmap(tree, options);
  expect(Buffer.compare(written, right.serialize('portable'))).toBe(0);
}

function trees(refs: readonly BitmapRef[]): fc.Arbitrary<Tree> {
  return fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom(...refs).map((ref): Tree => ({ kind: 'bitmap', ref })),
      fc.constantFrom<Tree>({ kind: 'all' }, { kind: 'none' }),
      fc.array(tie('tree'), { maxLength: 4 }).map((parts): Tree => ({ kind: 'and', parts })),
      fc.array(tie('tree'), { maxLength: 4 }).map((parts): Tree => ({ kind: 'or', parts })),
      fc.tuple(tie('tree'), tie('tree')).map(([from, what]): Tree => ({ kind: 'minus', from, what })),
    ),
  })).tree;
}

test('every pair of container forms gives what the library gives', async () => {
  const random = new Random(1);
  for (const one of FILLS) {
    // The other bitmap has each way of filling, a chunk each.
    const fills: Fill[][] = [FILLS.map(() => one), [...FILLS]];
    const scanned = await Scanned.make(`pair ${one}`, fills, random, FILLS.length * 65_536);
    const [a, b] = scanned.refs.map((ref): Tree => ({ kind: 'bitmap', ref })) as [Tree, Tree];
    await expectRight(scanned, { kind: 'and', parts: [a, b] });
    await expectRight(scanned, { kind: 'or', parts: [a, b] });
    await expectRight(scanned, { kind: 'minus', from: a, what: b });
    await expectRight(scanned, { kind: 'minus', from: b, what: a });
    await expectRight(scanned, { kind: 'minus', from: { kind: 'all' }, what: a });
    await scanned.close();
  }
});

test('random trees give what the library gives, whatever is in memory', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.gen(), async (seed, gen) => {
      const random = new Random(seed);
      const fills = Array.from({ length: 6 }, () => Array.from({ length: CHUNKS }, () => random.pick(FILLS)));
      const scanned = await Scanned.make(`random ${run++}`, fills, random);
      try {
        const pages = scanned.file.pageCount;
        for (let i = 0; i < 4; i++) {
          const evicted = gen(fc.integer, { min: 0, max: 3 });
          if (evicted === 1) evictUnmapped(scanned.path);
          if (evicted === 2) {
            const first = gen(fc.integer, { min: 0, max: pages - 1 });
            evictMapped(scanned.path, first, gen(fc.integer, { min: 1, max: pages - first }));
          }
          // What a scan has to fetch is copied, and mapped otherwise.
          const priority = gen(fc.constantFrom<['interactive', 'scan']>, 'interactive', 'scan');
          await expectRight(scanned, gen(trees, scanned.refs), { priority });
        }
      } finally {
        await scanned.close();
      }
    }),
    { numRuns: 25 },
  );
});
