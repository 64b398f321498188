import { addon } from '../native';
import type { ColumnInfo, ColumnKind, ColumnType } from './contract';

// The layout of an index file, byte by byte as docs/format.md has it. Everything is little-endian, keys excepted.

/** `nofaultI` */
export const MAGIC = Buffer.from('nofaultI');
export const VERSION = 1;
export const HEADER_LENGTH = 64;
/** Bytes of a block of a directory; blocks lie at multiples of it. */
export const BLOCK = 4096;
export const BITMAP_REF_LENGTH = 24;
/** Bytes of the longest key; a longer string cannot be indexed. */
export const LONGEST_KEY = 1024;
export const MOST_ROWS = 2 ** 32 - 1;
/** Bytes of the longest name of a column, as UTF-8. */
export const LONGEST_NAME = 255;
export const MOST_COLUMNS = 65_535;
export const MOST_SLICES = 64;
/** Bytes of the longest record in the table of columns. */
export const LONGEST_COLUMN = 2 + LONGEST_NAME + 8 + BITMAP_REF_LENGTH + 24 + MOST_SLICES * BITMAP_REF_LENGTH;

const KINDS: readonly (ColumnKind | undefined)[] = [undefined, 'values', 'numbers'];
const TYPES: readonly (ColumnType | undefined)[] = [undefined, 'string', 'boolean', 'integer', 'decimal', 'date'];

/** Where a bitmap lies. One of no containers has no bytes at all. */
export interface BitmapRef {
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** Rows in it. */
  readonly cardinality: number;
  /** Chunks that it has rows in. */
  readonly containers: number;
  /** CRC-32C of its bytes. */
  readonly checksum: number;
}

export const EMPTY: BitmapRef = { offset: 0, length: 0, cardinality: 0, containers: 0, checksum: 0 };

export interface Header {
  readonly rowCount: number;
  /** Bytes of the whole file. */
  readonly fileLength: number;
  readonly tableOffset: number;
  readonly tableLength: number;
  readonly tableChecksum: number;
  readonly columnCount: number;
}

/** The directory of a column of kind `values`: a tree of blocks whose leaves lie side by side. */
export interface Directory {
  readonly valueCount: number;
  /** The block to begin a search at; 0 when there are no values. */
  readonly root: number;
  /** Levels of blocks, the leaves included; 0 when there are no values. */
  readonly height: number;
  readonly firstLeaf: number;
  readonly leafCount: number;
}

/** The binary digits of a column of kind `numbers`, in two's complement: least significant first, the sign last. */
export interface Slices {
  readonly min: bigint;
  readonly max: bigint;
  readonly bits: readonly BitmapRef[];
}

export interface Column {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly type: ColumnType;
  readonly scale: number;
  readonly nulls: number;
  /** The rows that have a value; undefined when all have. */
  readonly exists: BitmapRef | undefined;
  readonly directory?: Directory;
  readonly slices?: Slices;
}

/** What is wrong with bytes that are read, and where they lie. `reader` makes a NofaultError of it, with the path. */
export class Malformed extends Error {
  constructor(
    message: string,
    /** Bytes from the start of the file. */
    readonly offset: number,
  ) {
    super(message);
  }
}

export function checksum(bytes: Uint8Array): number {
  return addon().crc32c(bytes);
}

export function encodeHeader(header: Header): Buffer {
  const bytes = Buffer.alloc(HEADER_LENGTH);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(header.columnCount, 12);
  bytes.writeBigUInt64LE(BigInt(header.rowCount), 16);
  bytes.writeBigUInt64LE(BigInt(header.fileLength), 24);
  bytes.writeBigUInt64LE(BigInt(header.tableOffset), 32);
  bytes.writeUInt32LE(header.tableLength, 40);
  bytes.writeUInt32LE(header.tableChecksum, 44);
  bytes.writeUInt32LE(checksum(bytes.subarray(0, 60)), 60);
  return bytes;
}

/** `bytes` are a copy of the file's first HEADER_LENGTH; `size` is the file's. */
export function decodeHeader(bytes: Buffer, size: number): Header {
  if (!bytes.subarray(0, 8).equals(MAGIC)) throw new Malformed('it does not begin like an index of nofault', 0);
  const version = bytes.readUInt32LE(8);
  if (version !== VERSION) throw new Malformed(`its format has version ${version}, and this nofault reads version ${VERSION}`, 8);
  if (bytes.readUInt32LE(60) !== checksum(bytes.subarray(0, 60))) throw new Malformed('the checksum of the header is wrong', 60);
  const header = {
    columnCount: bytes.readUInt32LE(12),
    rowCount: Number(bytes.readBigUInt64LE(16)),
    fileLength: Number(bytes.readBigUInt64LE(24)),
    tableOffset: Number(bytes.readBigUInt64LE(32)),
    tableLength: bytes.readUInt32LE(40),
    tableChecksum: bytes.readUInt32LE(44),
  };
  if (header.rowCount > MOST_ROWS) throw new Malformed(`${header.rowCount} rows are more than an index can have`, 16);
  if (header.columnCount > MOST_COLUMNS) throw new Malformed(`${header.columnCount} columns are more than an index can have`, 12);
  if (header.fileLength !== size) throw new Malformed(`it says that the file has ${header.fileLength} bytes, and it has ${size}`, 24);
  if (header.tableOffset < HEADER_LENGTH || header.tableOffset + header.tableLength > size) {
    throw new Malformed('the table of columns does not lie in the file', 32);
  }
  return header;
}

export function encodeColumns(columns: readonly Column[]): Buffer {
  return Buffer.concat(columns.map(encodeColumn));
}

function encodeColumn(column: Column): Buffer {
  const name = Buffer.from(column.name);
  const bits = column.slices?.bits ?? [];
  const bytes = Buffer.alloc(2 + name.length + 8 + BITMAP_REF_LENGTH + (column.directory ? 40 : 24 + bits.length * BITMAP_REF_LENGTH));
  bytes.writeUInt16LE(name.length, 0);
  name.copy(bytes, 2);
  let at = 2 + name.length;
  bytes[at] = KINDS.indexOf(column.kind);
  bytes[at + 1] = TYPES.indexOf(column.type);
  bytes[at + 2] = column.scale;
  bytes[at + 3] = bits.length;
  bytes.writeUInt32LE(column.nulls, at + 4);
  at += 8;
  encodeRef(column.exists ?? EMPTY, bytes, at);
  at += BITMAP_REF_LENGTH;
  if (column.directory) {
    const { valueCount, root, height, firstLeaf, leafCount } = column.directory;
    for (const [i, value] of [valueCount, root, height, firstLeaf, leafCount].entries()) bytes.writeBigUInt64LE(BigInt(value), at + 8 * i);
  } else {
    bytes.writeBigInt64LE(column.slices?.min ?? 0n, at);
    bytes.writeBigInt64LE(column.slices?.max ?? 0n, at + 8);
    bytes.writeBigUInt64LE(0n, at + 16);
    for (const [i, ref] of bits.entries()) encodeRef(ref, bytes, at + 24 + i * BITMAP_REF_LENGTH);
  }
  return bytes;
}

/** `bytes` are a copy of the table of columns, whose checksum is right; what it says is checked against the header. */
export function decodeColumns(bytes: Buffer, header: Header): Column[] {
  if (checksum(bytes) !== header.tableChecksum) throw new Malformed('the checksum of the table of columns is wrong', header.tableOffset);
  const columns: Column[] = [];
  const names = new Set<string>();
  let at = 0;
  const need = (length: number): void => {
    if (at + length > bytes.length) throw new Malformed('the table of columns ends too early', header.tableOffset + at);
  };
  for (let i = 0; i < header.columnCount; i++) {
    const place = header.tableOffset + at;
    need(2);
    const nameLength = bytes.readUInt16LE(at);
    need(2 + nameLength + 8 + BITMAP_REF_LENGTH);
    const name = bytes.toString('utf8', at + 2, at + 2 + nameLength);
    if (nameLength === 0 || nameLength > LONGEST_NAME || names.has(name))
      throw new Malformed(`column ${i} has no proper name of its own`, place);
    names.add(name);
    at += 2 + nameLength;
    const kind = KINDS[bytes[at] as number];
    const type = TYPES[bytes[at + 1] as number];
    const scale = bytes[at + 2] as number;
    const bitCount = bytes[at + 3] as number;
    const nulls = bytes.readUInt32LE(at + 4);
    if (kind === undefined || type === undefined || scale > 18 || bitCount > MOST_SLICES || nulls > header.rowCount) {
      throw new Malformed(`column ${i} is of no known kind`, place);
    }
    if (kind === 'numbers' && (type === 'string' || type === 'boolean')) throw new Malformed(`column ${i} cannot be numbers`, place);
    at += 8;
    const exists = decodeRef(bytes, at, header, place);
    at += BITMAP_REF_LENGTH;
    if (nulls > 0 && exists.cardinality !== header.rowCount - nulls) throw new Malformed(`column ${i} does not know its nulls`, place);
    const common = { name, kind, type, scale, nulls, exists: nulls > 0 ? exists : undefined };
    if (kind === 'values') {
      need(40);
      const [valueCount, root, height, firstLeaf, leafCount] = [0, 8, 16, 24, 32].map((offset) =>
        Number(bytes.readBigUInt64LE(at + offset)),
      ) as [number, number, number, number, number];
      at += 40;
      const inside = (offset: number, length: number) => offset % BLOCK === 0 && offset >= BLOCK && offset + length <= header.fileLength;
      if (
        height > 64 ||
        (height === 0) !== (valueCount === 0) ||
        (height > 0 && !(inside(root, BLOCK) && inside(firstLeaf, leafCount * BLOCK)))
      ) {
        throw new Malformed(`the directory of column ${i} does not lie in the file`, place);
      }
      columns.push({ ...common, directory: { valueCount, root, height, firstLeaf, leafCount } });
    } else {
      need(24 + bitCount * BITMAP_REF_LENGTH);
      const min = bytes.readBigInt64LE(at);
      const max = bytes.readBigInt64LE(at + 8);
      at += 24;
      const bits: BitmapRef[] = [];
      for (let bit = 0; bit < bitCount; bit++, at += BITMAP_REF_LENGTH) bits.push(decodeRef(bytes, at, header, place));
      if (min > max || (bitCount > 0 && (BigInt.asIntN(bitCount, min) !== min || BigInt.asIntN(bitCount, max) !== max))) {
        throw new Malformed(`the least and the greatest number of column ${i} do not fit its ${bitCount} slices`, place);
      }
      columns.push({ ...common, slices: { min, max, bits } });
    }
  }
  if (at !== bytes.length) throw new Malformed('the table of columns goes on after the last column', header.tableOffset + at);
  return columns;
}

export function encodeRef(ref: BitmapRef, bytes: Buffer, at: number): void {
  bytes.writeBigUInt64LE(BigInt(ref.offset), at);
  bytes.writeUInt32LE(ref.length, at + 8);
  bytes.writeUInt32LE(ref.cardinality, at + 12);
  bytes.writeUInt32LE(ref.containers, at + 16);
  bytes.writeUInt32LE(ref.checksum, at + 20);
}

/** `place` is where the bytes lie in the file. */
export function decodeRef(bytes: Buffer, at: number, header: Header, place: number): BitmapRef {
  const ref = {
    offset: Number(bytes.readBigUInt64LE(at)),
    length: bytes.readUInt32LE(at + 8),
    cardinality: bytes.readUInt32LE(at + 12),
    containers: bytes.readUInt32LE(at + 16),
    checksum: bytes.readUInt32LE(at + 20),
  };
  const chunks = Math.ceil(header.rowCount / 65_536);
  if (
    ref.offset + ref.length > header.fileLength ||
    (ref.length > 0 && ref.offset < BLOCK) ||
    ref.containers > chunks ||
    ref.cardinality > header.rowCount ||
    (ref.containers === 0) !== (ref.length === 0) ||
    ref.cardinality < ref.containers ||
    ref.length < 8 * ref.containers
  ) {
    throw new Malformed('a bitmap does not lie in the file', place);
  }
  return ref;
}

/** What a column says of itself in public. */
export function infoOf(column: Column): ColumnInfo {
  const { name, kind, type, scale, nulls, directory, slices } = column;
  const info = { name, kind, type, scale, nulls };
  if (directory) return { ...info, valueCount: directory.valueCount };
  const { min, max, bits } = slices as Slices;
  return bits.length === 0 ? { ...info, slices: 0 } : { ...info, min, max, slices: bits.length };
}
