import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import type { BitmapRef } from '../../src/bitmap/format';
import { Scanner } from '../../src/bitmap/scanner';
import type { Tree } from '../../src/bitmap/tree';
import { NofaultError, open, openRoaring } from '../../src/index';
import { expectRejected } from '../failures';
import { TestFiles } from '../files';
import { bitmapOf, FILLS, Random, writeBitmaps } from './bitmap-file';

const files = TestFiles.make();
const random = new Random(3);
const rowCount = FILLS.length * 65_536;
const path = files.path('sound');
const refs = writeBitmaps(
  path,
  Array.from({ length: 3 }, () =>
    bitmapOf(
      Array.from(FILLS, () => random.pick(FILLS)),
      rowCount,
      random,
    ),
  ),
) as [BitmapRef, BitmapRef, BitmapRef];
const sound = readFileSync(path);
const [a, b, c] = refs.map((ref): Tree => ({ kind: 'bitmap', ref })) as [Tree, Tree, Tree];
const TREES: Tree[] = [
  a,
  { kind: 'and', parts: [a, b] },
  { kind: 'or', parts: [a, b, c] },
  { kind: 'minus', from: { kind: 'all' }, what: { kind: 'or', parts: [a, { kind: 'minus', from: b, what: c }] } },
];

/** The answer, which may be wrong where no checksum guards it, or BAD_FORMAT with a place in the file. */
async function answerOrDamage<T>(size: number, question: () => Promise<T>): Promise<T | undefined> {
  try {
    return await question();
  } catch (error) {
    expect(error).toBeInstanceOf(NofaultError);
    const { code, offset } = error as NofaultError;
    expect(code).toBe('BAD_FORMAT');
    expect(offset).toBeGreaterThanOrEqual(0);
    expect(offset).toBeLessThanOrEqual(size);
    return undefined;
  }
}

async function expectHarmless(content: Buffer, name: string, given: readonly Tree[] = TREES): Promise<void> {
  const file = await open(files.write(name, content));
  const scanner = new Scanner(file, rowCount);
  for (const tree of given) {
    const count = await answerOrDamage(content.length, () => scanner.count(tree));
    if (count !== undefined) expect(count).toBeLessThanOrEqual(rowCount);
    await answerOrDamage(content.length, async () => {
      let rows = 0;
      for await (const batch of scanner.rows(tree)) {
        rows += batch.length;
        for (const row of batch) if (row >= rowCount) throw new Error(`row ${row} is outside`);
      }
      expect(rows).toBeLessThanOrEqual(rowCount);
    });
    await answerOrDamage(content.length, () => scanner.bitmap(tree));
    await answerOrDamage(content.length, () => scanner.counts(tree, refs));
    await answerOrDamage(content.length, () => scanner.extreme(tree, refs, 'max'));
    await answerOrDamage(content.length, () => scanner.plan(tree));
  }
  for (const ref of refs) await answerOrDamage(content.length, () => scanner.check(ref));
  await scanner.close();
  await file.close();
}

test('flipped bits are damage or a wrong row, and nothing worse', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(7)), { minLength: 1, maxLength: 20 }), async (flips) => {
      const content = Buffer.from(sound);
      for (const [at, bit] of flips) content[at] = (content[at] as number) ^ (1 << bit);
      await expectHarmless(content, 'flipped');
    }),
    { numRuns: 15 },
  ));

test('flipped bits in headers are damage or a wrong row, and nothing worse', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(2), fc.nat(110), fc.nat(7)), { minLength: 1, maxLength: 6 }), async (flips) => {
      const content = Buffer.from(sound);
      for (const [which, at, bit] of flips) {
        const place = (refs[which] as BitmapRef).offset + at;
        content[place] = (content[place] as number) ^ (1 << bit);
      }
      await expectHarmless(content, 'flipped header');
    }),
    { numRuns: 40 },
  ));

test('random bytes are damage', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const own = new Random(seed);
      const content = Buffer.from(Array.from({ length: sound.length }, () => own.below(256)));
      await expectHarmless(content, 'random', TREES.slice(0, 2));
    }),
    { numRuns: 5 },
  ));

test('a header with counts that overflow is damage', async () => {
  for (const start of [
    [0x3a, 0x30, 0, 0, 0xff, 0xff, 0xff, 0xff],
    [0x3b, 0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    [0x3a, 0x30, 0, 0, 0, 0, 1, 0],
  ]) {
    const content = Buffer.from(sound);
    Buffer.from(start).copy(content, refs[0].offset);
    const file = await open(files.write('overflow', content));
    const scanner = new Scanner(file, rowCount);
    const error = await expectRejected('BAD_FORMAT', scanner.count({ kind: 'and', parts: [a, b] }));
    expect(error.offset).toBeGreaterThanOrEqual(refs[0].offset);
    await scanner.close();
    await file.close();
  }
});

test('a Roaring file of any bytes opens with BAD_FORMAT or answers without harm', () =>
  fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), fc.nat(), async (bytes, likely, value) => {
      const content = Buffer.from(bytes);
      if (likely && content.length > 8) Buffer.from([0x3b, 0x30, 1, 0, 3]).copy(content);
      const where = files.write('foreign', content);
      const bitmap = await answerOrDamage(content.length, () => openRoaring(where));
      if (bitmap === undefined) return;
      await answerOrDamage(content.length, () => bitmap.has(value >>> 0));
      await answerOrDamage(content.length, () => bitmap.andCount(bitmap));
      await answerOrDamage(content.length, async () => {
        for await (const batch of bitmap.values()) expect(batch.length).toBeGreaterThan(0);
      });
      await bitmap.close();
    }),
    { numRuns: 300 },
  ));
