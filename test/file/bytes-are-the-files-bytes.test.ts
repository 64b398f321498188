import fc from 'fast-check';
import { type MappedFile, open, type Run } from '../../src/index';
import { bytesByRead, evictMapped, GiB, MiB, pattern, TestFiles, TiB } from '../files';
import { bytesIfThere, readRange } from '../reading';

const files = TestFiles.make();

/** One thing that a program may do to an open file, and what must come of it. */
type Step =
  | { readonly kind: 'evict'; readonly first: number; readonly count: number }
  | { readonly kind: 'reopen' }
  | { readonly kind: 'getPages' | 'prefetch'; readonly vector: readonly (number | Run)[] }
  | { readonly kind: 'getRanges'; readonly ranges: readonly Range[] }
  | { readonly kind: 'read' | 'tryRead'; readonly ranges: readonly Range[] }
  | { readonly kind: 'tryPage'; readonly page: number }
  | { readonly kind: 'tryRange'; readonly range: Range };

interface Range {
  readonly offset: number;
  readonly length: number;
}

/** Checks every byte that the steps serve against an ordinary read of the file. */
class Witness {
  constructor(
    private readonly path: string,
    private file: MappedFile,
  ) {}

  async take(step: Step): Promise<void> {
    const { file } = this;
    switch (step.kind) {
      case 'evict':
        evictMapped(this.path, step.first, step.count);
        return;
      case 'reopen':
        await file.close();
        this.file = await open(this.path, { trust: Math.abs(file.size) % 2 ? 'watch' : 'never' });
        return;
      case 'prefetch':
        file.prefetch(step.vector);
        return;
      case 'getPages': {
        const ranges = step.vector.map((wanted) => this.rangeOf(wanted));
        return this.expectSet(file.getPages(step.vector), ranges);
      }
      case 'getRanges':
        return this.expectSet(file.getRanges(step.ranges), step.ranges);
      case 'read':
      case 'tryRead': {
        const into = step.ranges.map(({ length }) => new Uint8Array(length).fill(0xee));
        const positions = step.ranges.map(({ offset }) => offset);
        const count = step.kind === 'read' ? await file.read(into, positions) : file.tryRead(into, positions);
        if (count === undefined) {
          // All or nothing: a read that is not answered has written nothing.
          for (const view of into) expect(view.every((byte) => byte === 0xee)).toBe(true);
          return;
        }
        expect(count).toBe(step.ranges.reduce((sum, { length }) => sum + length, 0));
        for (const [i, view] of into.entries()) this.expectBytes(view, step.ranges[i] as Range);
        return;
      }
      case 'tryPage': {
        const view = file.tryPage(step.page);
        if (view) this.expectBytes(view, this.rangeOf(step.page));
        return;
      }
      case 'tryRange': {
        const view = file.tryRange(step.range.offset, step.range.length);
        if (view) this.expectBytes(view, step.range);
        return;
      }
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private async expectSet(set: ReturnType<MappedFile['getPages']>, ranges: readonly Range[]): Promise<void> {
    for (const [entry, range] of ranges.entries()) {
      if (!set.isHit(entry)) continue;
      const view = bytesIfThere(set, entry);
      if (view) this.expectBytes(view, range);
    }
    const yielded: number[] = [];
    for await (const entry of set) {
      yielded.push(entry);
      const view = bytesIfThere(set, entry);
      if (view) this.expectBytes(view, ranges[entry] as Range);
    }
    expect(yielded.sort((a, b) => a - b)).toEqual([...ranges.keys()]);
    await set.arrived;
  }

  private rangeOf(wanted: number | Run): Range {
    const { first, count } = typeof wanted === 'number' ? { first: wanted, count: 1 } : wanted;
    const offset = first * this.file.pageSize;
    return { offset, length: Math.min((first + count) * this.file.pageSize, this.file.size) - offset };
  }

  private expectBytes(view: Uint8Array, { offset, length }: Range): void {
    expect(view).toHaveLength(length);
    const expected = bytesByRead(this.path, offset, length);
    if (!expected.equals(view)) throw new Error(`the ${length} bytes at ${offset} are not the file's`);
  }
}

/** Offsets near one of the places, each in the file. */
function near(places: readonly number[], size: number, spread: number): fc.Arbitrary<number> {
  return fc
    .tuple(fc.constantFrom(...places), fc.integer({ min: -spread, max: spread }))
    .map(([place, delta]) => Math.min(Math.max(place + delta, 0), size - 1));
}

function steps(size: number, offsets: fc.Arbitrary<number>, longest: number): fc.Arbitrary<Step[]> {
  const pages = offsets.map((offset) => Math.floor(offset / 4096));
  const pageCount = Math.ceil(size / 4096);
  const length = fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 0, max: 9000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: longest }) },
  );
  const range = fc.tuple(offsets, length).map(([offset, wanted]) => ({ offset, length: Math.min(wanted, size - offset) }));
  const run = fc
    .tuple(pages, length)
    .map(([first, bytes]) => ({ first, count: Math.min(1 + Math.floor(bytes / 4096), pageCount - first) }));
  const vector = fc.array(fc.oneof<fc.Arbitrary<number | Run>[]>(pages, run), { maxLength: 12 });
  const ranges = fc.array(range, { maxLength: 8 });
  return fc.array(
    fc.oneof<fc.Arbitrary<Step>[]>(
      // Direct writing wants whole pages, so the last one is left alone.
      fc
        .tuple(pages, fc.integer({ min: 1, max: 64 }))
        .map(([first, count]) => ({ kind: 'evict' as const, first, count: Math.max(0, Math.min(count, pageCount - 1 - first)) })),
      fc.constant({ kind: 'reopen' as const }),
      vector.map((entries) => ({ kind: 'getPages' as const, vector: entries })),
      vector.map((entries) => ({ kind: 'prefetch' as const, vector: entries })),
      ranges.map((entries) => ({ kind: 'getRanges' as const, ranges: entries })),
      ranges.map((entries) => ({ kind: 'read' as const, ranges: entries })),
      ranges.map((entries) => ({ kind: 'tryRead' as const, ranges: entries })),
      pages.map((page) => ({ kind: 'tryPage' as const, page })),
      range.map((entry) => ({ kind: 'tryRange' as const, range: entry })),
    ),
    { minLength: 4, maxLength: 25 },
  );
}

test('under random eviction, every method serves the bytes that an ordinary read finds', async () => {
  const size = 3 * MiB + 1777;
  const path = files.patterned('file', size);
  await fc.assert(
    fc.asyncProperty(steps(size, fc.integer({ min: 0, max: size - 1 }), 2 * MiB), async (taken) => {
      const witness = new Witness(path, await open(path));
      for (const step of taken) await witness.take(step);
      await witness.close();
    }),
    { numRuns: 60 },
  );
});

test('around 2, 4 and 16 GiB and at both ends of 15 TiB, every method serves the bytes that an ordinary read finds', async () => {
  const size = 15 * TiB + 77;
  const places = [0, 32 * MiB, 2 * GiB, 4 * GiB, 16 * GiB, 8 * TiB, 14 * TiB, size];
  const marks = places.map((place, i) => {
    const offset = Math.min(Math.max(place - 32_768, 0), size - 65_536);
    return { offset, content: pattern(65_536, i + 1) };
  });
  const path = files.sparse('sparse', size, marks);
  await fc.assert(
    fc.asyncProperty(steps(size, near(places, size, 40_000), 100_000), async (taken) => {
      const witness = new Witness(path, await open(path));
      for (const step of taken) await witness.take(step);
      await witness.close();
    }),
    { numRuns: 60 },
  );
});

test('several readers at once, while pages are evicted, each get the right bytes', async () => {
  const size = 2 * MiB + 5;
  const content = pattern(size, 5);
  const path = files.write('shared', content);
  const range = fc
    .tuple(fc.integer({ min: 0, max: size - 1 }), fc.integer({ min: 1, max: 50_000 }))
    .map(([offset, length]) => ({ offset, length: Math.min(length, size - offset) }));
  await fc.assert(
    fc.asyncProperty(fc.array(range, { minLength: 1, maxLength: 30 }), fc.integer({ min: 0, max: 400 }), async (ranges, first) => {
      const file = await open(path);
      const reads = ranges.map(({ offset, length }) => readRange(file, offset, length));
      evictMapped(path, first, 64);
      for (const [i, got] of (await Promise.all(reads)).entries()) {
        const { offset, length } = ranges[i] as Range;
        expect(content.subarray(offset, offset + length).equals(got)).toBe(true);
      }
      await file.close();
    }),
    { numRuns: 30 },
  );
});
