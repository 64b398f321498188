import fc from 'fast-check';
import { anyBetween, blocksOf, difference, grown, intersection, NO_RUNS, pagesIn, type Runs, runsOf, union } from '../../src/file/runs';
import type { Vector } from '../../src/file/vector';

const PAGES = 60;
const vectors = fc.array(fc.tuple(fc.nat(PAGES), fc.integer({ min: 1, max: 8 })), { maxLength: 12 });

function vectorOf(entries: readonly (readonly [number, number])[]): Vector {
  return {
    length: entries.length,
    first: Float64Array.from(entries, ([first]) => first),
    count: Float64Array.from(entries, ([, count]) => count),
  };
}

function setOf(runs: Runs): Set<number> {
  const pages = new Set<number>();
  for (let i = 0; i < runs.length; i += 2) for (let page = runs[i] as number; page < (runs[i + 1] as number); page++) pages.add(page);
  return pages;
}

function pagesOf(entries: readonly (readonly [number, number])[]): Set<number> {
  return new Set(entries.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => first + i)));
}

/** The one way to write a set of pages as runs: ascending edges, no two alike. */
function expectCanonical(runs: Runs): void {
  expect(runs.length % 2).toBe(0);
  for (let i = 1; i < runs.length; i++) expect(runs[i]).toBeGreaterThan(runs[i - 1] as number);
}

test('a vector becomes sorted runs that neither overlap nor touch', async () => {
  await fc.assert(
    fc.asyncProperty(vectors, async (entries) => {
      const runs = await runsOf(vectorOf(entries));
      expectCanonical(runs);
      expect(setOf(runs)).toEqual(pagesOf(entries));
      expect(pagesIn(runs)).toBe(pagesOf(entries).size);
    }),
  );
});

test('union, difference and intersection are those of the sets of pages', async () => {
  await fc.assert(
    fc.asyncProperty(vectors, vectors, async (left, right) => {
      const [a, b] = [await runsOf(vectorOf(left)), await runsOf(vectorOf(right))];
      const [inA, inB] = [pagesOf(left), pagesOf(right)];
      const [both, less, more] = [await intersection(a, b), await difference(a, b), await union(a, b)];
      for (const runs of [both, less, more]) expectCanonical(runs);
      expect(setOf(both)).toEqual(new Set([...inA].filter((page) => inB.has(page))));
      expect(setOf(less)).toEqual(new Set([...inA].filter((page) => !inB.has(page))));
      expect(setOf(more)).toEqual(new Set([...inA, ...inB]));
    }),
  );
});

test('blocks are those in which pages lie', async () => {
  await fc.assert(
    fc.asyncProperty(vectors, fc.integer({ min: 1, max: 20 }), async (entries, block) => {
      const runs = await runsOf(vectorOf(entries));
      const blocks = [...blocksOf(runs, block)];
      expect(blocks).toEqual([...new Set([...setOf(runs)].map((page) => Math.floor(page / block)))]);
      const whole = grown(runs, block);
      expectCanonical(whole);
      expect([...blocksOf(whole, block)]).toEqual(blocks);
      expect(pagesIn(whole)).toBe(blocks.length * block);
    }),
  );
});

test('whether a page lies between two', async () => {
  await fc.assert(
    fc.asyncProperty(vectors, fc.nat(PAGES), fc.integer({ min: 1, max: 10 }), async (entries, from, length) => {
      const runs = await runsOf(vectorOf(entries));
      const expected = [...setOf(runs)].some((page) => page >= from && page < from + length);
      expect(anyBetween(runs, from, from + length)).toBe(expected);
    }),
  );
});

test('a hundred thousand runs are combined as two are', async () => {
  const many = (shift: number): Promise<Runs> => runsOf(vectorOf(Array.from({ length: 100_000 }, (_, i) => [4 * i + shift, 2])));
  const [a, b] = [await many(0), await many(1)];
  expect([a.length, b.length]).toEqual([200_000, 200_000]);
  expect(pagesIn(await union(a, b))).toBe(300_000);
  expect(pagesIn(await intersection(a, b))).toBe(100_000);
  expect(pagesIn(await difference(a, b))).toBe(100_000);
  expect(await difference(a, a)).toEqual(NO_RUNS);
});
