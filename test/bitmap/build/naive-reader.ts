import { readFileSync } from 'node:fs';
import { RoaringBitmap32 } from 'roaring';

/*
 * Reads an index as docs/format.md has it, all at once, and shares no code with the library: bitmaps by the `roaring` package, checksums bit by bit.
 */

export interface NaiveColumn {
  readonly name: string;
  readonly kind: 'values' | 'numbers';
  readonly type: 'string' | 'boolean' | 'integer' | 'decimal' | 'date';
  readonly scale: number;
  /** What each row has: a string, a boolean, or an integer (scaled, days); null without a value. */
  readonly cells: (string | boolean | bigint | null)[];
  readonly valueCount: number;
  readonly slices: number;
  readonly min: bigint;
  readonly max: bigint;
}

export interface NaiveIndex {
  readonly rowCount: number;
  readonly columns: NaiveColumn[];
  column(name: string): NaiveColumn;
}

const KINDS = [undefined, 'values', 'numbers'] as const;
const TYPES = [undefined, 'string', 'boolean', 'integer', 'decimal', 'date'] as const;
const BLOCK = 4096;

/** Reads a whole index and checks everything that the format promises on the way. */
export function readNaively(path: string): NaiveIndex {
  const file = readFileSync(path);
  const number64 = (at: number): number => Number(file.readBigUInt64LE(at));
  expect(file.toString('latin1', 0, 8)).toBe('nofaultI');
  expect(file.readUInt32LE(8)).toBe(1);
  expect(file.readUInt32LE(60)).toBe(crc32c(file.subarray(0, 60)));
  const columnCount = file.readUInt32LE(12);
  const rowCount = number64(16);
  expect(number64(24)).toBe(file.length);
  const tableAt = number64(32);
  const table = file.subarray(tableAt, tableAt + file.readUInt32LE(40));
  expect(tableAt + table.length).toBe(file.length);
  expect(file.readUInt32LE(44)).toBe(crc32c(table));
  expect(file.subarray(48, 60).equals(Buffer.alloc(12))).toBe(true);

  const bitmap = (bytes: Buffer, at: number): RoaringBitmap32 => {
    const offset = Number(bytes.readBigUInt64LE(at));
    const length = bytes.readUInt32LE(at + 8);
    if (length === 0) {
      must(bytes.subarray(at, at + 24).equals(Buffer.alloc(24)), 'a bitmap without rows has no place');
      return new RoaringBitmap32();
    }
    must(offset + length <= file.length, 'a bitmap lies in the file');
    const slice = file.subarray(offset, offset + length);
    must(crc32c(slice) === bytes.readUInt32LE(at + 20), 'its checksum is right');
    const read = RoaringBitmap32.deserialize(slice, 'portable');
    must(read.size === bytes.readUInt32LE(at + 12), 'its cardinality is right');
    must(containerCount(slice) === bytes.readUInt32LE(at + 16), 'its containers are so many');
    // A container in its smallest form is what the library makes of it, too.
    read.runOptimize();
    must(read.getSerializationSizeInBytes('portable') === length, 'its containers are in their smallest form');
    return read;
  };

  const columns: NaiveColumn[] = [];
  let at = 0;
  for (let i = 0; i < columnCount; i++) {
    const nameLength = table.readUInt16LE(at);
    const name = table.toString('utf8', at + 2, at + 2 + nameLength);
    at += 2 + nameLength;
    const kind = KINDS[table[at] as number];
    const type = TYPES[table[at + 1] as number];
    const scale = table[at + 2] as number;
    const slices = table[at + 3] as number;
    const nulls = table.readUInt32LE(at + 4);
    if (kind === undefined || type === undefined) throw new Error(`column ${name} is of no known kind or type`);
    const existing = bitmap(table, at + 8);
    at += 32;
    const cells: (string | boolean | bigint | null)[] = new Array(rowCount).fill(null);
    let valueCount = 0;
    let min = 0n;
    let max = 0n;
    if (kind === 'values') {
      const numbers = [0, 8, 16, 24, 32].map((more) => Number(table.readBigUInt64LE(at + more))) as [
        number,
        number,
        number,
        number,
        number,
      ];
      at += 40;
      valueCount = numbers[0];
      const entries = readDirectory(file, numbers);
      expect(entries).toHaveLength(valueCount);
      for (const { key, at: place } of entries) {
        const value = valueOfKey(key, type);
        const rows = bitmap(file, place);
        must(rows.size > 0, 'a value has rows');
        for (const row of rows.toUint32Array()) {
          if (cells[row] !== null) throw new Error(`row ${row} of column ${name} has two values`);
          cells[row] = value;
        }
      }
    } else {
      min = table.readBigInt64LE(at);
      max = table.readBigInt64LE(at + 8);
      at += 24;
      const has = nulls > 0 ? existing : RoaringBitmap32.fromRange(0, rowCount);
      // Halves of 32 digits each, for a sum of bigints takes its time.
      const low = new Uint32Array(rowCount);
      const high = new Int32Array(rowCount);
      for (let slice = 0; slice < slices; slice++, at += 24) {
        const rows = bitmap(table, at);
        must(rows.isSubset(has), 'a row in a slice has a value');
        // The last slice is the sign: all digits from there on.
        const digits = slice === slices - 1 ? [-1 << slice, slice < 32 ? -1 : -1 << (slice - 32)] : [1 << slice, 1 << (slice - 32)];
        const [lowDigits, highDigits] = [
          slice < 32 ? (digits[0] as number) : 0,
          slice >= 32 || slice === slices - 1 ? (digits[1] as number) : 0,
        ];
        for (const row of rows.toUint32Array()) {
          low[row] = (low[row] as number) | lowDigits;
          high[row] = (high[row] as number) | highDigits;
        }
      }
      if (slices > 0) for (const row of has.toUint32Array()) cells[row] = (BigInt(high[row] as number) << 32n) | BigInt(low[row] as number);
    }
    const empty = cells.filter((cell) => cell === null).length;
    expect(empty).toBe(nulls);
    expect(existing.size).toBe(nulls > 0 ? rowCount - nulls : 0);
    for (const row of existing) if (cells[row] === null) throw new Error(`row ${row} of column ${name} exists and has no value`);
    columns.push({ name, kind, type, scale, cells, valueCount, slices, min, max });
  }
  expect(at).toBe(table.length);
  return {
    rowCount,
    columns,
    column(name) {
      const found = columns.find((column) => column.name === name);
      if (found === undefined) throw new Error(`the index has no column ${name}`);
      return found;
    },
  };
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`it does not hold that ${what}`);
}

/** Goes through the tree from its root; the leaves must be those that lie side by side, and the keys must ascend. */
function readDirectory(
  file: Buffer,
  [, root, height, firstLeaf, leafCount]: [number, number, number, number, number],
): { key: Buffer; at: number }[] {
  const found: { key: Buffer; at: number }[] = [];
  const leaves: number[] = [];
  const visit = (block: number, level: number): Buffer => {
    must(block % BLOCK === 0, 'a block lies at a multiple of its length');
    const bytes = file.subarray(block, block + BLOCK);
    must(bytes.readUInt32LE(0) === crc32c(bytes.subarray(4)), 'the checksum of a block is right');
    must(bytes[4] === (level === 1 ? 1 : 2) && bytes[5] === 0, 'a block is of its kind');
    const count = bytes.readUInt16LE(6);
    must(count > 0, 'a block has entries');
    if (level === 1) leaves.push(block);
    let first: Buffer | undefined;
    for (let i = 0; i < count; i++) {
      const entry = bytes.readUInt16LE(8 + 2 * i);
      const head = level === 1 ? 24 : 8;
      const key = bytes.subarray(entry + head + 2, entry + head + 2 + bytes.readUInt16LE(entry + head));
      if (level === 1) found.push({ key, at: block + entry });
      else must(visit(Number(bytes.readBigUInt64LE(entry)), level - 1).equals(key), "the key of an inner entry is its child's first");
      first ??= key;
    }
    return first as Buffer;
  };
  if (height > 0) visit(root, height);
  expect(leaves).toEqual(Array.from({ length: leafCount }, (_, i) => firstLeaf + i * BLOCK));
  for (let i = 1; i < found.length; i++)
    expect(Buffer.compare((found[i - 1] as { key: Buffer }).key, (found[i] as { key: Buffer }).key)).toBe(-1);
  return found;
}

function valueOfKey(key: Buffer, type: NaiveColumn['type']): string | boolean | bigint {
  if (type === 'string') return key.toString();
  if (type === 'boolean') {
    must(key.length === 1, 'a boolean is one byte');
    return key[0] === 1;
  }
  must(key.length === 8, 'a number is eight bytes');
  return BigInt.asIntN(64, key.readBigUInt64BE() ^ (1n << 63n));
}

function containerCount(bitmap: Buffer): number {
  const cookie = bitmap.readUInt32LE(0);
  return (cookie & 0xffff) === 12347 ? (cookie >>> 16) + 1 : bitmap.readUInt32LE(4);
}

function crc32c(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = (rest >>> 8) ^ (CRC[(rest ^ byte) & 0xff] as number);
  return ~rest >>> 0;
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0x82f63b78 : 0);
  return rest;
});
