import { writeFileSync } from 'node:fs';
import { RoaringBitmap32 } from 'roaring';
import { type BitmapRef, checksum, EMPTY } from '../../src/bitmap/format';
import type { Tree } from '../../src/bitmap/tree';

export const CHUNK = 65_536;

/** Numbers that look random and are the same on every run with a seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

/** What a bitmap may have in a chunk: each container form, at its edges as well. */
export const FILLS = ['absent', 'one', 'few', 'array', 'fullest array', 'bitset', 'dense', 'run', 'runs', 'full', 'all but one'] as const;
export type Fill = (typeof FILLS)[number];

/** Rows of one chunk, of `rows` that it has, filled in this way. */
export function fill(how: Fill, rows: number, random: Random): number[] {
  const each = (density: number): number[] => Array.from({ length: rows }, (_, row) => row).filter(() => random.next() < density);
  const distinct = (count: number): number[] => {
    const some = new Set<number>();
    while (some.size < Math.min(count, rows)) some.add(random.below(rows));
    return [...some];
  };
  const run = (first: number, length: number): number[] => Array.from({ length: Math.min(length, rows - first) }, (_, i) => first + i);
  switch (how) {
    case 'absent':
      return [];
    case 'one':
      return [random.pick([0, rows - 1, random.below(rows)])];
    case 'few':
      return distinct(1 + random.below(20));
    case 'array':
      return distinct(1 + random.below(4096));
    case 'fullest array':
      return distinct(4096);
    case 'bitset':
      return distinct(4097 + random.below(5000));
    case 'dense':
      return each(0.2 + 0.7 * random.next());
    case 'run':
      return run(random.below(rows), 1 + random.below(rows));
    case 'runs':
      return Array.from({ length: 1 + random.below(200) }, () => run(random.below(rows), 1 + random.below(400))).flat();
    case 'full':
      return run(0, rows);
    case 'all but one': {
      const gap = random.below(rows);
      return run(0, rows).filter((row) => row !== gap);
    }
  }
}

/** A bitmap over so many rows whose chunks are filled in these ways, one after the other. */
export function bitmapOf(fills: readonly Fill[], rowCount: number, random: Random): RoaringBitmap32 {
  const bitmap = new RoaringBitmap32();
  for (const [chunk, how] of fills.entries()) {
    const rows = Math.min(rowCount - chunk * CHUNK, CHUNK);
    if (rows > 0) bitmap.addMany(fill(how, rows, random).map((row) => chunk * CHUNK + row));
  }
  return bitmap;
}

/** Writes bitmaps to a file, one after the other from a crooked offset on; where they are. */
export function writeBitmaps(path: string, bitmaps: readonly RoaringBitmap32[], gap = 7): BitmapRef[] {
  const pieces: Uint8Array[] = [Buffer.alloc(gap, 0xee)];
  let offset = gap;
  const refs = bitmaps.map((bitmap) => {
    if (bitmap.isEmpty) return EMPTY;
    bitmap.runOptimize();
    const bytes = bitmap.serialize('portable');
    const chunks = new Set<number>();
    for (const row of bitmap) chunks.add(row >>> 16);
    const ref = { offset, length: bytes.length, cardinality: bitmap.size, containers: chunks.size, checksum: checksum(bytes) };
    pieces.push(bytes);
    offset += bytes.length;
    return ref;
  });
  writeFileSync(path, Buffer.concat(pieces));
  return refs;
}

/** The rows of a tree, as the roaring library has them; `bitmaps` by their offset. */
export function expected(tree: Tree, rowCount: number, bitmaps: ReadonlyMap<number, RoaringBitmap32>): RoaringBitmap32 {
  const rows = (each: Tree): RoaringBitmap32 => expected(each, rowCount, bitmaps);
  switch (tree.kind) {
    case 'all':
      return RoaringBitmap32.fromRange(0, rowCount);
    case 'none':
      return new RoaringBitmap32();
    case 'bitmap':
      return new RoaringBitmap32(bitmaps.get(tree.ref.offset) ?? []);
    case 'and':
      return tree.parts.map(rows).reduce((a, b) => RoaringBitmap32.and(a, b), RoaringBitmap32.fromRange(0, rowCount));
    case 'or':
      return tree.parts.map(rows).reduce((a, b) => RoaringBitmap32.or(a, b), new RoaringBitmap32());
    case 'minus':
      return RoaringBitmap32.andNot(rows(tree.from), rows(tree.what));
  }
}
