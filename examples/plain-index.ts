/*
 * The other way to read an index, which npm start compares with: map the file as any program maps one, and let the `roaring` package have the bitmaps where they lie. The code is short, for
 * whoever touches a page that is not in memory waits for it, and so does everything else on the event loop.
 *
 * It reads the format of docs/format.md by itself, and only as much of it as the queries need.
 */
import { dirname, join } from 'node:path';
import { RoaringBitmap32 } from 'roaring';

interface MmapIo {
  readonly PROT_READ: number;
  readonly MAP_SHARED: number;
  readonly MADV_DONTNEED: number;
  map(length: number, protection: number, flags: number, fd: number, offset: number): Buffer;
  advise(mapping: Buffer, advice: number): void;
}

interface PlainColumn {
  /** Where its record in the table goes on behind what all columns have. */
  readonly at: number;
  readonly type: number;
  readonly sliceCount: number;
}

const REF = 24;
const DATE = 5;
const DAY = 86_400_000;

/** mmap-io, where it could be built. */
export function mmapIo(): MmapIo | undefined {
  try {
    require(join(dirname(require.resolve('mmap-io/package.json')), 'package.json'));
    return require('mmap-io') as MmapIo;
  } catch {
    return undefined;
  }
}

export class PlainIndex {
  readonly #rowCount: number;
  readonly #columns = new Map<string, PlainColumn>();

  /** `file` is all of it, mapped. */
  constructor(private readonly file: Buffer) {
    this.#rowCount = Number(file.readBigUInt64LE(16));
    let at = Number(file.readBigUInt64LE(32));
    for (let left = file.readUInt32LE(12); left > 0; left--) {
      const nameEnd = at + 2 + file.readUInt16LE(at);
      const sliceCount = file[nameEnd + 3] as number;
      const kind = file[nameEnd] as number;
      const column = { at: nameEnd + 8 + REF, type: file[nameEnd + 1] as number, sliceCount };
      this.#columns.set(file.toString('utf8', at + 2, nameEnd), column);
      at = column.at + (kind === 1 ? 40 : 24 + sliceCount * REF);
    }
  }

  /** The rows of a value, which is text or a day. */
  equal(name: string, value: string): RoaringBitmap32 {
    const column = this.#column(name);
    const key = column.type === DATE ? dayKey(value) : Buffer.from(value);
    let block = Number(this.file.readBigUInt64LE(column.at + 8));
    for (let level = Number(this.file.readBigUInt64LE(column.at + 16)); level > 0; level--) {
      const head = level === 1 ? REF : 8;
      const entry = this.#lastUpTo(block, head, key);
      if (entry === undefined) return new RoaringBitmap32();
      if (level > 1) block = Number(this.file.readBigUInt64LE(entry));
      else return this.#key(entry, head).equals(key) ? this.#bitmap(entry) : new RoaringBitmap32();
    }
    return new RoaringBitmap32();
  }

  any(name: string, values: readonly string[]): RoaringBitmap32 {
    return RoaringBitmap32.orMany(values.map((value) => this.equal(name, value)));
  }

  /** The rows whose number is at least `bound`, of a column without nulls. */
  atLeast(name: string, bound: number): RoaringBitmap32 {
    const { at, sliceCount } = this.#column(name);
    const result = new RoaringBitmap32();
    const equal = RoaringBitmap32.fromRange(0, this.#rowCount);
    for (let digit = sliceCount - 1; digit >= 0; digit--) {
      const slice = this.#bitmap(at + 24 + digit * REF);
      // The first digit is the sign, and numbers that have it are less than those that have not.
      const sign = digit === sliceCount - 1;
      const wanted = sign ? bound >= 0 : Math.floor(bound / 2 ** digit) % 2 !== 0;
      if (sign) slice.flipRange(0, this.#rowCount);
      if (wanted) equal.andInPlace(slice);
      else {
        result.orInPlace(RoaringBitmap32.and(equal, slice));
        equal.andNotInPlace(slice);
      }
    }
    return result.orInPlace(equal);
  }

  #column(name: string): PlainColumn {
    const column = this.#columns.get(name);
    if (column === undefined) throw new Error(`the index has no column ${name}`);
    return column;
  }

  #bitmap(ref: number): RoaringBitmap32 {
    const offset = Number(this.file.readBigUInt64LE(ref));
    const length = this.file.readUInt32LE(ref + 8);
    return length === 0 ? new RoaringBitmap32() : RoaringBitmap32.deserialize(this.file.subarray(offset, offset + length), 'portable');
  }

  /** The last entry of a block whose key is not greater. */
  #lastUpTo(block: number, head: number, key: Buffer): number | undefined {
    let found: number | undefined;
    for (let i = 0; i < this.file.readUInt16LE(block + 6); i++) {
      const entry = block + this.file.readUInt16LE(block + 8 + 2 * i);
      if (Buffer.compare(this.#key(entry, head), key) > 0) break;
      found = entry;
    }
    return found;
  }

  #key(entry: number, head: number): Buffer {
    return this.file.subarray(entry + head + 2, entry + head + 2 + this.file.readUInt16LE(entry + head));
  }
}

function dayKey(text: string): Buffer {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(Date.parse(text) / DAY) + 2n ** 63n);
  return key;
}
