import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { circuitOf } from '../../src/bitmap/circuit';
import { Blocks } from '../../src/bitmap/directory/blocks';
import { findKeys } from '../../src/bitmap/directory/directory';
import type { Search } from '../../src/bitmap/directory/search';
import { BITMAP_REF_LENGTH, type BitmapRef, BLOCK, checksum, type Directory, encodeRef, type Header } from '../../src/bitmap/format';
import type { Tree } from '../../src/bitmap/tree';
import { type BitmapIndex, type Expression, NofaultError, open, openIndex } from '../../src/index';
import { bytesByRead, TestFiles } from '../files';
import { blockOf, type TableColumn, writeIndex } from './index-file';

const files = TestFiles.make();

const TEN_MILLION = 10_000_000;
const keyOf = (value: number): Buffer => Buffer.from(String(value).padStart(10, '0'));
const bitmapOf = (value: number): BitmapRef => ({
  offset: BLOCK,
  length: 16,
  cardinality: 1 + (value % 7),
  containers: 1,
  checksum: value,
});

/** A directory of ten million values of ten bytes, of which only the blocks above the leaves and a few leaves are written: the rest is a hole. */
function tenMillion(path: string, leavesWritten: ReadonlySet<number>): { directory: Directory; header: Header } {
  const fd = openSync(path, 'w');
  const inALeaf = Math.floor((BLOCK - 8) / (2 + BITMAP_REF_LENGTH + 2 + 10));
  const leafCount = Math.ceil(TEN_MILLION / inALeaf);
  const firstLeaf = 2 * BLOCK;
  let at = firstLeaf;
  const head = (value: number): Buffer => {
    const bytes = Buffer.alloc(BITMAP_REF_LENGTH);
    encodeRef(bitmapOf(value), bytes, 0);
    return bytes;
  };
  let level: { at: number; key: Buffer }[] = [];
  for (let leaf = 0; leaf < leafCount; leaf++, at += BLOCK) {
    const first = leaf * inALeaf;
    level.push({ at, key: keyOf(first) });
    if (!leavesWritten.has(leaf)) continue;
    const count = Math.min(inALeaf, TEN_MILLION - first);
    writeSync(
      fd,
      blockOf(
        1,
        Array.from({ length: count }, (_, i) => ({ head: head(first + i), key: keyOf(first + i) })),
      ),
      0,
      BLOCK,
      at,
    );
  }
  let height = 1;
  for (; level.length > 1; height++) {
    const inABlock = Math.floor((BLOCK - 8) / (2 + 8 + 2 + 10));
    const above: typeof level = [];
    for (let from = 0; from < level.length; from += inABlock, at += BLOCK) {
      const children = level.slice(from, from + inABlock).map((child) => {
        const pointer = Buffer.alloc(8);
        pointer.writeBigUInt64LE(BigInt(child.at));
        return { head: pointer, key: child.key };
      });
      writeSync(fd, blockOf(2, children), 0, BLOCK, at);
      above.push({ at, key: (children[0] as { key: Buffer }).key });
    }
    level = above;
  }
  ftruncateSync(fd, at);
  closeSync(fd);
  const header = { rowCount: 2 ** 32 - 1, fileLength: at, tableOffset: at, tableLength: 0, tableChecksum: 0, columnCount: 1 };
  return { directory: { valueCount: TEN_MILLION, root: (level[0] as { at: number }).at, height, firstLeaf, leafCount }, header };
}

/** Notes which vectors of blocks a search asks for. */
function* watched<T>(search: Search<T>, vectors: (readonly number[])[]): Search<T> {
  let step = search.next([]);
  while (!step.done) {
    vectors.push(step.value);
    step = search.next(yield step.value);
  }
  return step.value;
}

test('of ten million values one is found with a block a level, and several with a vector a level', async () => {
  const wanted = [0, 5_000_000, 5_000_001, 9_999_999];
  const inALeaf = Math.floor((BLOCK - 8) / 38);
  const path = files.path('ten-million');
  const { directory, header } = tenMillion(path, new Set(wanted.map((value) => Math.floor(value / inALeaf))));
  const file = await open(path);
  const blocks = new Blocks(file, header);
  for (const values of [[5_000_000], wanted]) {
    const vectors: (readonly number[])[] = [];
    const found = await blocks.run(watched(findKeys(directory, values.map(keyOf)), vectors));
    expect(found).toEqual(values.map(bitmapOf));
    expect(vectors.length).toBe(4);
    expect(vectors.every((vector) => vector.length <= Math.min(values.length, 3))).toBe(true);
  }
  const missing = await blocks.run(findKeys(directory, [Buffer.from(''), Buffer.from('0005000000x'), Buffer.from('1')]));
  expect(missing).toEqual([undefined, undefined, undefined]);
  await file.close();
});

describe('damage', () => {
  const column: TableColumn = {
    name: 'word',
    kind: 'values',
    type: 'string',
    values: Array.from({ length: 400 }, (_, row) => `w${String((row * 7) % 300).padStart(4, '0')}`),
  };
  const questions: Expression[] = [
    { in: ['word', ['w0000', 'w0123', 'w0299', 'zzz']] },
    { range: ['word', { gte: 'w0010', lt: 'w0050' }] },
    { range: ['word', { lt: 'w0290' }] },
    { in: ['word', column.values as string[]] },
  ];

  /** Where the blocks of the directory are. */
  const placesOf = (bytes: Buffer): number[] => {
    const table = Number(bytes.readBigUInt64LE(32));
    const places: number[] = [];
    for (let at = BLOCK; at + BLOCK <= table; at += BLOCK) {
      if (bytes.readUInt32LE(at) === checksum(bytes.subarray(at + 4, at + BLOCK))) places.push(at);
    }
    return places;
  };

  /** What each question is answered with before a scan begins: an error of the index, or nothing to complain about. */
  async function answers(path: string): Promise<(NofaultError | undefined)[]> {
    const index: BitmapIndex = await openIndex(path);
    try {
      return await Promise.all(
        questions.map(async (question) => {
          try {
            await index.count(question);
          } catch (error) {
            if (!(error instanceof NofaultError)) throw error;
            if (error.code !== 'UNSUPPORTED') return error;
          }
          return undefined;
        }),
      );
    } finally {
      await index.close();
    }
  }

  test('a flipped bit in a block is noticed by whoever reads it, and its place named', async () => {
    const bytes = bytesByRead(writeIndex(files.path('words'), [column], { entriesInABlock: 20 }), 0, 1e9);
    const places = placesOf(bytes);
    expect(places.length).toBe(16);
    for (const [i, place] of places.entries()) {
      const bad = Buffer.from(bytes);
      const at = place + ((i * 1009) % BLOCK);
      bad[at] = (bad[at] as number) ^ 4;
      const errors = (await answers(files.write('bad', bad))).filter((error) => error !== undefined);
      expect(errors.length).toBeGreaterThan(0);
      for (const error of errors) expect(error).toMatchObject({ code: 'BAD_FORMAT', offset: place });
    }
  });

  test('hostile blocks whose checksums are right give BAD_FORMAT or an answer, never anything else', async () => {
    const bytes = bytesByRead(writeIndex(files.path('words'), [column], { entriesInABlock: 20 }), 0, 1e9);
    const places = placesOf(bytes);
    let refused = 0;
    for (let round = 0; round < 600; round++) {
      const bad = Buffer.from(bytes);
      const place = places[round % places.length] as number;
      // Mostly where counts, positions, pointers and lengths are.
      for (let i = 0; i < 1 + (round % 3); i++) {
        const at = place + 4 + ((round * 2_654_435_761 + i * 40_503) % (round % 2 === 0 ? 60 : 1000));
        bad[at] = (round * 131 + i * 17) & 0xff;
      }
      bad.writeUInt32LE(checksum(bad.subarray(place + 4, place + BLOCK)), place);
      for (const error of await answers(files.write('bad', bad))) {
        if (error === undefined) continue;
        refused++;
        expect(error).toMatchObject({ code: 'BAD_FORMAT', path: files.path('bad') });
        expect(error.offset).toBeGreaterThanOrEqual(BLOCK);
      }
    }
    expect(refused).toBeGreaterThan(100);
  });

  test('a block that points to itself ends the search', async () => {
    const bytes = bytesByRead(writeIndex(files.path('words'), [column], { entriesInABlock: 20 }), 0, 1e9);
    const root = placesOf(bytes).at(-1) as number;
    const entry = bytes.readUInt16LE(root + 8);
    bytes.writeBigUInt64LE(BigInt(root), root + entry);
    bytes.writeUInt32LE(checksum(bytes.subarray(root + 4, root + BLOCK)), root);
    const [first] = await answers(files.write('bad', bytes));
    expect(first).toMatchObject({ code: 'BAD_FORMAT', offset: root });
  });
});

test('a stretch of numbers needs each slice at most twice, and few nodes', () => {
  const bits = Array.from(
    { length: 21 },
    (_, i): BitmapRef => ({ offset: 4096 * (i + 1), length: 16, cardinality: 1, containers: 1, checksum: i }),
  );
  const slices = { min: -1_000_000n, max: 1_000_000n, bits };
  const uses = (tree: Tree): number[] => {
    if (tree.kind === 'bitmap') return [tree.ref.checksum];
    if (tree.kind === 'minus') return [...uses(tree.from), ...uses(tree.what)];
    return tree.kind === 'and' || tree.kind === 'or' ? tree.parts.flatMap(uses) : [];
  };
  const exists: Tree = { kind: 'all' };
  const of = (least: bigint, greatest: bigint): number[] => uses(circuitOf(slices, [{ least, greatest }], exists));
  for (const [least, greatest] of [
    [-777_777n, 333_333n],
    [1n, 999_999n],
    [5n, 6n],
    [-999_999n, -1n],
  ] as const) {
    expect(of(least, greatest).length).toBeLessThanOrEqual(2 * bits.length);
  }
  // One number: each slice once. All from the least or up to the greatest: one way down, and nothing below the digit that decides.
  expect(of(12_345n, 12_345n).length).toBe(21);
  expect(of(61n, 1_000_000n).length).toBeLessThanOrEqual(21);
  expect(of(-1_000_000n, -1n)).toEqual([20]);
  expect(of(0n, 1_000_000n)).toEqual([20]);
});
