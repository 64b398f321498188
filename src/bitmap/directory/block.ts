import { BITMAP_REF_LENGTH, type BitmapRef, BLOCK, checksum, decodeRef, type Header, LONGEST_KEY, Malformed } from '../format';

const LEAF = 1;
const INNER = 2;
/** Where the positions of the entries begin. */
const POSITIONS = 8;
const KEY_LENGTH = 2;

/** A block of a directory that has been checked: every entry lies in it, and keys ascend. */
export class Block {
  readonly leaf: boolean;
  /** Entries, at least one. */
  readonly count: number;
  readonly #bytes: Buffer;
  /** Bytes of an entry before its key. */
  readonly #head: number;
  readonly #header: Header;

  /** `bytes` are a copy that nobody else has. Throws Malformed. */
  constructor(
    bytes: Buffer,
    /** Bytes from the start of the file. */
    readonly offset: number,
    header: Header,
  ) {
    this.#bytes = bytes;
    this.#header = header;
    if (bytes.readUInt32LE(0) !== checksum(bytes.subarray(4)))
      throw new Malformed('the checksum of a block of a directory is wrong', offset);
    const level = bytes[4];
    if (level !== LEAF && level !== INNER) throw new Malformed('a block of a directory is neither leaf nor inner', offset + 4);
    this.leaf = level === LEAF;
    this.#head = (this.leaf ? BITMAP_REF_LENGTH : 8) + KEY_LENGTH;
    this.count = bytes.readUInt16LE(6);
    const start = POSITIONS + 2 * this.count;
    if (this.count === 0 || start > BLOCK) throw new Malformed(`a block of a directory cannot have ${this.count} entries`, offset + 6);
    for (let i = 0; i < this.count; i++) {
      const at = this.#at(i);
      const fits = at >= start && at + this.#head <= BLOCK && at + this.#head + this.#keyLength(at) <= BLOCK;
      if (!fits || this.#keyLength(at) > LONGEST_KEY)
        throw new Malformed(`entry ${i} of a block of a directory does not lie in it`, offset + POSITIONS + 2 * i);
      if (i > 0 && this.compare(i, this.key(i - 1)) <= 0)
        throw new Malformed('the keys of a block of a directory do not ascend', offset + at);
    }
  }

  /** A view of the block. */
  key(entry: number): Buffer {
    const at = this.#at(entry) + this.#head;
    return this.#bytes.subarray(at, at + this.#keyLength(at - this.#head));
  }

  /** Whether the entry's key is below `key` (less than 0), the same (0), or above it. */
  compare(entry: number, key: Buffer): number {
    const at = this.#at(entry) + this.#head;
    return this.#bytes.compare(key, 0, key.length, at, at + this.#keyLength(at - this.#head));
  }

  /** The last entry whose key is not above `key`; -1 where the first one is. */
  find(key: Buffer): number {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compare(middle, key) > 0) high = middle;
      else low = middle + 1;
    }
    return low - 1;
  }

  /** The bitmap of an entry of a leaf. Throws Malformed where it does not lie in the file. */
  bitmap(entry: number): BitmapRef {
    const at = this.#at(entry);
    return decodeRef(this.#bytes, at, this.#header, this.offset + at);
  }

  /** Where the child of an entry of an inner block is. Throws Malformed where that cannot be. */
  child(entry: number): number {
    const at = this.#at(entry);
    const child = Number(this.#bytes.readBigUInt64LE(at));
    if (child < BLOCK || child % BLOCK !== 0 || child + BLOCK > this.#header.fileLength) {
      throw new Malformed(`a block of a directory cannot be at ${child}`, this.offset + at);
    }
    return child;
  }

  #at(entry: number): number {
    return this.#bytes.readUInt16LE(POSITIONS + 2 * entry);
  }

  #keyLength(at: number): number {
    return this.#bytes.readUInt16LE(at + this.#head - KEY_LENGTH);
  }
}
