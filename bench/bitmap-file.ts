import { closeSync, existsSync, fsyncSync, openSync, renameSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

// Writes indexes of boolean columns as docs/format.md has them: large ones in seconds, which the builder would take minutes for, and without any code that is
// measured here.

const BLOCK = 4096;
const MIB = 2 ** 20;
const TMPFS = 0x01021994;

/** Where a bitmap lies in the index. */
export interface Placed {
  readonly offset: number;
  readonly length: number;
}

/** A bitmap in the portable Roaring format, in pieces that follow one another. */
export interface Bitmap {
  readonly cardinality: number;
  readonly containers: number;
  pieces(): Iterable<Uint8Array>;
}

export interface BooleanColumn {
  readonly name: string;
  readonly isTrue: Bitmap;
  readonly isFalse: Bitmap;
}

interface Reference extends Placed {
  readonly cardinality: number;
  readonly containers: number;
  readonly checksum: number;
}

/** Writes the index and returns where the bitmap of each column's true rows lies. Throws when there is no room, or the folder lies in memory. */
export function writeBooleanIndex(path: string, rowCount: number, columns: readonly BooleanColumn[], bytes: number): Map<string, Placed> {
  const folder = statfsSync(dirname(path));
  if (folder.type === TMPFS) throw new Error(`${path} would lie in memory (tmpfs): set NOFAULT_BENCH_DIR to a folder on a disk`);
  const free = folder.bavail * folder.bsize;
  if (free < bytes + 256 * MIB)
    throw new Error(
      `expected ${Math.ceil(bytes / MIB)} MiB free for ${path}, but ${Math.floor(free / MIB)} MiB are: set NOFAULT_BENCH_DIR`,
    );
  const unfinished = `${path}.unfinished`;
  const fd = openSync(unfinished, 'w', 0o600);
  try {
    const placed = new Writer(fd).write(rowCount, columns);
    fsyncSync(fd);
    renameSync(unfinished, path);
    return placed;
  } finally {
    closeSync(fd);
    if (existsSync(unfinished)) unlinkSync(unfinished);
  }
}

class Writer {
  private length = BLOCK;

  constructor(private readonly fd: number) {}

  write(rowCount: number, columns: readonly BooleanColumn[]): Map<string, Placed> {
    const placed = new Map<string, Placed>();
    const records: Buffer[] = [];
    for (const { name, isTrue, isFalse } of columns) {
      const no = this.bitmap(isFalse);
      const yes = this.bitmap(isTrue);
      placed.set(name, { offset: yes.offset, length: yes.length });
      records.push(record(name, this.leaf(no, yes)));
    }
    const table = Buffer.concat(records);
    const tableOffset = this.append(table);
    const header = Buffer.alloc(64);
    header.write('nofaultI', 'latin1');
    header.writeUInt32LE(1, 8);
    header.writeUInt32LE(columns.length, 12);
    header.writeBigUInt64LE(BigInt(rowCount), 16);
    header.writeBigUInt64LE(BigInt(this.length), 24);
    header.writeBigUInt64LE(BigInt(tableOffset), 32);
    header.writeUInt32LE(table.length, 40);
    header.writeUInt32LE(crc32c(table), 44);
    header.writeUInt32LE(crc32c(header.subarray(0, 60)), 60);
    writeSync(this.fd, header, 0, header.length, 0);
    return placed;
  }

  private append(bytes: Uint8Array): number {
    const at = this.length;
    for (let done = 0; done < bytes.length; ) done += writeSync(this.fd, bytes, done, bytes.length - done, at + done);
    this.length += bytes.length;
    return at;
  }

  private bitmap({ cardinality, containers, pieces }: Bitmap): Reference {
    const offset = this.length;
    let checksum = 0;
    for (const piece of pieces()) {
      checksum = crc32c(piece, checksum);
      this.append(piece);
    }
    return { offset, length: this.length - offset, cardinality, containers, checksum };
  }

  /** The directory of a column of two values: one block. */
  private leaf(no: Reference, yes: Reference): number {
    this.length = Math.ceil(this.length / BLOCK) * BLOCK;
    const block = Buffer.alloc(BLOCK);
    block[4] = 1;
    block.writeUInt16LE(2, 6);
    for (const [i, { offset, length, cardinality, containers, checksum }] of [no, yes].entries()) {
      const at = 12 + 27 * i;
      block.writeUInt16LE(at, 8 + 2 * i);
      block.writeBigUInt64LE(BigInt(offset), at);
      for (const [field, value] of [length, cardinality, containers, checksum].entries()) block.writeUInt32LE(value, at + 8 + 4 * field);
      block.writeUInt16LE(1, at + 24);
      block[at + 26] = i;
    }
    block.writeUInt32LE(crc32c(block.subarray(4)), 0);
    return this.append(block);
  }
}

function record(name: string, leaf: number): Buffer {
  const encoded = Buffer.from(name);
  const bytes = Buffer.alloc(2 + encoded.length + 8 + 24 + 40);
  bytes.writeUInt16LE(encoded.length);
  encoded.copy(bytes, 2);
  let at = 2 + encoded.length;
  bytes[at] = 1;
  bytes[at + 1] = 2;
  at += 8 + 24;
  for (const [i, value] of [2, leaf, 1, leaf, 1].entries()) bytes.writeBigUInt64LE(BigInt(value), at + 8 * i);
  return bytes;
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

function crc32c(bytes: Uint8Array, before = 0): number {
  let value = ~before;
  for (let i = 0; i < bytes.length; i++) value = (CRC[(value ^ (bytes[i] as number)) & 0xff] as number) ^ (value >>> 8);
  return ~value >>> 0;
}
