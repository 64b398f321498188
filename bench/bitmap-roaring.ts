import { RoaringBitmap32 } from 'roaring';
import { baseline } from './baseline';
import type { Bitmap } from './bitmap-file';
import type { Random } from './statistics';

const CHUNK = 65_536;
const BITSET = 8192;
const CHUNKS_AT_ONCE = 128;

/** Each row by itself, with this probability. The gaps between rows are drawn, so that thin ones cost little. */
export function randomRows(rowCount: number, density: number, random: Random): RoaringBitmap32 {
  const scale = 1 / Math.log(1 - density);
  const bitmap = new RoaringBitmap32();
  let some = new Uint32Array(2 ** 20);
  let count = 0;
  for (let row = -1; ; ) {
    row += 1 + Math.floor(Math.log(1 - random.below(2 ** 30) / 2 ** 30) * scale);
    if (row >= rowCount || count === some.length) {
      bitmap.addMany(some.subarray(0, count));
      if (row >= rowCount) break;
      some = new Uint32Array(2 ** 20);
      count = 0;
    }
    some[count++] = row;
  }
  bitmap.runOptimize();
  bitmap.shrinkToFit();
  return bitmap;
}

/** All rows that this one has not. */
export function othersOf(bitmap: RoaringBitmap32, rowCount: number): RoaringBitmap32 {
  const others = RoaringBitmap32.fromRange(0, rowCount);
  others.andNotInPlace(bitmap);
  others.runOptimize();
  return others;
}

/** As another library writes it. */
export function serialized(bitmap: RoaringBitmap32): Bitmap {
  const bytes = bitmap.serialize('portable');
  const containers = new Set<number>();
  for (let at = bitmap.minimum(); bitmap.size > 0; ) {
    containers.add(at >>> 16);
    const rank = bitmap.rank((((at >>> 16) << 16) >>> 0) + CHUNK - 1);
    if (rank >= bitmap.size) break;
    at = bitmap.select(rank) as number;
  }
  return { cardinality: bitmap.size, containers: containers.size, pieces: () => [bytes] };
}

/** Half of all rows, at random: a bitset in each of so many chunks. `number` makes it another one; the other half is its `inverted`. */
export function halfOfRows(chunks: number, number: number, inverted = false): Bitmap {
  const header = Buffer.alloc(8 + 8 * chunks);
  header.writeUInt32LE(12_346, 0);
  header.writeUInt32LE(chunks, 4);
  const content = (first: number, count: number): Uint32Array => {
    const words = new Uint32Array((count * BITSET) / 4);
    baseline.fillRandom(new Uint8Array(words.buffer), (number * chunks + first) * BITSET);
    if (inverted) for (let i = 0; i < words.length; i++) words[i] = ~(words[i] as number);
    return words;
  };
  let cardinality = 0;
  for (let first = 0; first < chunks; first += CHUNKS_AT_ONCE) {
    const count = Math.min(CHUNKS_AT_ONCE, chunks - first);
    const words = content(first, count);
    for (let chunk = 0; chunk < count; chunk++) {
      let rows = 0;
      for (let i = (chunk * BITSET) / 4; i < ((chunk + 1) * BITSET) / 4; i++) rows += ones(words[i] as number);
      cardinality += rows;
      header.writeUInt16LE(first + chunk, 8 + 4 * (first + chunk));
      header.writeUInt16LE(rows - 1, 10 + 4 * (first + chunk));
      header.writeUInt32LE(header.length + (first + chunk) * BITSET, 8 + 4 * chunks + 4 * (first + chunk));
    }
  }
  return {
    cardinality,
    containers: chunks,
    *pieces() {
      yield header;
      for (let first = 0; first < chunks; first += CHUNKS_AT_ONCE)
        yield new Uint8Array(content(first, Math.min(CHUNKS_AT_ONCE, chunks - first)).buffer);
    },
  };
}

/** Bits that are set. */
function ones(word: number): number {
  let sum = word - ((word >>> 1) & 0x55555555);
  sum = (sum & 0x33333333) + ((sum >>> 2) & 0x33333333);
  return (((sum + (sum >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}
