import { readFileSync } from 'node:fs';
import { RoaringBitmap32 } from 'roaring';
import type { BitmapRef } from '../../src/bitmap/format';
import { Scanner } from '../../src/bitmap/scanner';
import type { Tree } from '../../src/bitmap/tree';
import { type MappedFile, open } from '../../src/index';
import { expectRejected } from '../failures';
import { evictUnmapped, TestFiles } from '../files';
import { type SlowFolder, slowFolderLacks, startSlowFolder } from '../rigs/slow-folder';
import { when } from '../when';
import { bitmapOf, Random, writeBitmaps } from './bitmap-file';

const EIO = 5;
const PAGE = 4096;
const CHUNKS = 60;
const files = TestFiles.make();
const { describe, each } = when(slowFolderLacks());

describe('scans of storage that fails', () => {
  let rig: SlowFolder;
  let path: string;
  let file: MappedFile;
  let scanner: Scanner;
  const random = new Random(11);
  const bitmaps = [0, 1, 2].map(() => bitmapOf(new Array(CHUNKS).fill('bitset'), CHUNKS * 65_536, random));
  const [a, b, c] = bitmaps as [RoaringBitmap32, RoaringBitmap32, RoaringBitmap32];
  const local = files.path('bitmaps');
  const refs = writeBitmaps(local, bitmaps);
  const and = (...which: number[]): Tree => ({ kind: 'and', parts: which.map((i) => ({ kind: 'bitmap', ref: refs[i] as BitmapRef })) });

  beforeAll(async () => {
    rig = await startSlowFolder();
  });
  beforeEach(async () => {
    path = await rig.write('failing', readFileSync(local));
    evictUnmapped(path);
    file = await open(path);
    scanner = new Scanner(file, CHUNKS * 65_536);
  });
  afterEach(async () => {
    await scanner.close();
    await file.close();
    await rig.heal();
  });
  afterAll(() => rig.stop());

  each(
    ['interactive', 'scan'] as const,
    (priority) => `a page that cannot be read ends scans of priority ${priority} that need it, and no others`,
    async (priority) => {
      const { offset, length } = refs[1] as BitmapRef;
      const bad = Math.floor((offset + length / 2) / PAGE) * PAGE;
      await rig.fail('failing', { offset: bad + 5, length: 1 });
      const [both, others, rest] = [and(0, 1), and(1, 2), and(0, 2)].map((tree) => scanner.count(tree, { priority }));
      for (const count of [both, others])
        expect(await expectRejected('IO', count as Promise<number>)).toMatchObject({ errno: EIO, offset: bad, path });
      expect(await rest).toBe(a.andCardinality(c));
      await rig.heal();
      expect(await scanner.count(and(0, 1), { priority })).toBe(a.andCardinality(b));
      expect(await scanner.count(and(0, 1, 2), { priority })).toBe(RoaringBitmap32.and(a, b).andCardinality(c));
    },
  );
});
