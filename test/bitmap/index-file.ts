import { writeFileSync } from 'node:fs';
import { RoaringBitmap32 } from 'roaring';
import {
  BITMAP_REF_LENGTH,
  type BitmapRef,
  BLOCK,
  type Column,
  checksum,
  type Directory,
  EMPTY,
  encodeColumns,
  encodeHeader,
  encodeRef,
  HEADER_LENGTH,
  type Slices,
} from '../../src/bitmap/format';

/** A value as an index has it: numbers are integers on the column's scale, dates are days since 1970-01-01. */
export type Stored = string | boolean | bigint;

export interface TableColumn {
  readonly name: string;
  readonly kind: Column['kind'];
  readonly type: Column['type'];
  readonly scale?: number;
  /** One for each row. */
  readonly values: readonly (Stored | null)[];
}

/** Writes an index as docs/format.md has it, with another library's bitmaps and without the builder. Blocks may be given fewer entries than fit. */
export function writeIndex(path: string, columns: readonly TableColumn[], { entriesInABlock = 1000 } = {}): string {
  const file = new IndexFile();
  const rowCount = columns[0]?.values.length ?? 0;
  const written = columns.map((column) => file.column(column, entriesInABlock));
  const table = encodeColumns(written);
  const tableOffset = file.add(table);
  const fileLength = file.length;
  file.put(
    0,
    encodeHeader({
      rowCount,
      fileLength,
      tableOffset,
      tableLength: table.length,
      tableChecksum: checksum(table),
      columnCount: columns.length,
    }),
  );
  writeFileSync(path, file.bytes());
  return path;
}

/** The key of a value in a directory. */
export function keyOf(value: Stored): Buffer {
  if (typeof value === 'string') return Buffer.from(value);
  if (typeof value === 'boolean') return Buffer.of(value ? 1 : 0);
  const key = Buffer.alloc(8);
  key.writeBigInt64BE(value);
  key[0] = (key[0] as number) ^ 0x80;
  return key;
}

class IndexFile {
  #pieces: { readonly at: number; readonly bytes: Buffer }[] = [];
  length = BLOCK;

  put(at: number, bytes: Buffer): void {
    this.#pieces.push({ at, bytes });
  }

  add(bytes: Buffer): number {
    const at = this.length;
    this.put(at, bytes);
    this.length += bytes.length;
    return at;
  }

  bytes(): Buffer {
    const all = Buffer.alloc(Math.max(this.length, HEADER_LENGTH));
    for (const { at, bytes } of this.#pieces) bytes.copy(all, at);
    return all;
  }

  column({ name, kind, type, scale = 0, values }: TableColumn, entriesInABlock: number): Column {
    const rows = values.flatMap((value, row) => (value === null ? [] : [row]));
    const nulls = values.length - rows.length;
    const exists = nulls > 0 ? this.#bitmap(rows) : undefined;
    const common = { name, kind, type, scale, nulls, exists };
    return kind === 'values'
      ? { ...common, directory: this.#directory(values, entriesInABlock) }
      : { ...common, slices: this.#slices(values as readonly (bigint | null)[]) };
  }

  #bitmap(rows: readonly number[]): BitmapRef {
    if (rows.length === 0) return EMPTY;
    const bitmap = new RoaringBitmap32(rows);
    bitmap.runOptimize();
    const bytes = Buffer.from(bitmap.serialize('portable'));
    const offset = this.add(bytes);
    const containers = new Set(rows.map((row) => Math.floor(row / 65_536))).size;
    return { offset, length: bytes.length, cardinality: rows.length, containers, checksum: checksum(bytes) };
  }

  #slices(values: readonly (bigint | null)[]): Slices {
    const numbers = values.filter((value) => value !== null);
    if (numbers.length === 0) return { min: 0n, max: 0n, bits: [] };
    const [min, max] = numbers.reduce<[bigint, bigint]>(
      ([a, b], n) => [n < a ? n : a, n > b ? n : b],
      [numbers[0] as bigint, numbers[0] as bigint],
    );
    let digits = 1;
    while (BigInt.asIntN(digits, min) !== min || BigInt.asIntN(digits, max) !== max) digits++;
    const bits = Array.from({ length: digits }, (_, i) =>
      this.#bitmap(values.flatMap((value, row) => (value !== null && (BigInt.asUintN(64, value) >> BigInt(i)) & 1n ? [row] : []))),
    );
    return { min, max, bits };
  }

  #directory(values: readonly (Stored | null)[], entriesInABlock: number): Directory {
    const rowsOf = new Map<string, { key: Buffer; rows: number[] }>();
    for (const [row, value] of values.entries()) {
      if (value === null) continue;
      const key = keyOf(value);
      const known = rowsOf.get(key.toString('hex'));
      if (known === undefined) rowsOf.set(key.toString('hex'), { key, rows: [row] });
      else known.rows.push(row);
    }
    const entries = [...rowsOf.values()].sort((a, b) => a.key.compare(b.key));
    if (entries.length === 0) return { valueCount: 0, root: 0, height: 0, firstLeaf: 0, leafCount: 0 };
    let level = entries.map(({ key, rows }) => {
      const head = Buffer.alloc(BITMAP_REF_LENGTH);
      encodeRef(this.#bitmap(rows), head, 0);
      return { head, key };
    });
    this.length = Math.ceil(this.length / BLOCK) * BLOCK;
    const firstLeaf = this.length;
    let leafCount = 0;
    for (let height = 1; ; height++) {
      const blocks = this.#blocks(level, height === 1 ? 1 : 2, entriesInABlock);
      if (height === 1) leafCount = blocks.length;
      if (blocks.length === 1) return { valueCount: entries.length, root: (blocks[0] as { at: number }).at, height, firstLeaf, leafCount };
      level = blocks.map(({ at, key }) => {
        const head = Buffer.alloc(8);
        head.writeBigUInt64LE(BigInt(at));
        return { head, key };
      });
    }
  }

  #blocks(entries: readonly { head: Buffer; key: Buffer }[], kind: number, entriesInABlock: number): { at: number; key: Buffer }[] {
    const blocks: { at: number; key: Buffer }[] = [];
    for (let i = 0; i < entries.length; ) {
      const first = i;
      let room = BLOCK - 8;
      for (; i < entries.length && i - first < entriesInABlock; i++) {
        const { head, key } = entries[i] as { head: Buffer; key: Buffer };
        room -= 2 + head.length + 2 + key.length;
        if (room < 0) break;
      }
      blocks.push({ at: this.add(blockOf(kind, entries.slice(first, i))), key: (entries[first] as { key: Buffer }).key });
    }
    return blocks;
  }
}

/** A block of a directory, its checksum right whatever is in it. */
export function blockOf(kind: number, entries: readonly { head: Buffer; key: Buffer }[]): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  bytes[4] = kind;
  bytes.writeUInt16LE(entries.length, 6);
  let at = 8 + 2 * entries.length;
  for (const [i, { head, key }] of entries.entries()) {
    bytes.writeUInt16LE(at, 8 + 2 * i);
    head.copy(bytes, at);
    bytes.writeUInt16LE(key.length, at + head.length);
    key.copy(bytes, at + head.length + 2);
    at += head.length + 2 + key.length;
  }
  bytes.writeUInt32LE(checksum(bytes.subarray(4)), 0);
  return bytes;
}
