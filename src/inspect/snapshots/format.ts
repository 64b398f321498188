/*
 * The file that a snapshot is, as docs/snapshot-format.md specifies it. Everything here is about bytes; who reads and writes them is in the files beside.
 */

export const MAGIC = Buffer.from('nofaultS', 'latin1');
export const VERSION = 1;
/** Magic, version, and the CRC-32C of both. */
export const HEADER_BYTES = 16;
/** Length and CRC-32C, before each record's body. */
export const FRAME_BYTES = 8;
/** So that a reader holds little, whatever a file claims. */
export const MOST_BODY = 128 * 1024;
export const MOST_NAME = 64 * 1024;
/** Files of one snapshot. */
export const MOST_FILES = 10_000_000;

/** The first byte of a body. */
export const KIND = { file: 1, moreRuns: 2, end: 3 } as const;

/** A run takes so many bytes at most: two numbers below 2^53. */
export const MOST_RUN = 16;

/** Appends numbers as LEB128: seven bits a byte, the lowest first; the highest bit says that more follow. */
export class Body {
  readonly #bytes: Buffer;
  #length = 0;

  constructor(most: number) {
    this.#bytes = Buffer.allocUnsafe(most);
  }

  get length(): number {
    return this.#length;
  }

  number(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  bytes(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** What has been appended; the next record begins. The bytes hold until then. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return taken;
  }
}

/** Reads what `Body` wrote. Returns undefined where a number is missing, too large, or written longer than it needs to be. */
export class BodyReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  number(): number | undefined {
    let [value, unit] = [0, 1];
    for (;;) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) * unit;
      if (value > Number.MAX_SAFE_INTEGER) return undefined;
      if (byte < 0x80) return byte === 0 && unit > 1 ? undefined : value;
      unit *= 0x80;
    }
  }

  bytes(length: number): Buffer | undefined {
    if (length > this.left) return undefined;
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
