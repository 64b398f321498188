import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { NofaultError } from '../../errors';
import type { ByteRange } from '../../file/contract';
import { addon } from '../../native';
import { notRegular, refusalOf } from '../failures';
import { fileName, type Name, nameOf, shown } from '../names';
import { withPositiveErrno } from './errno';
import { BodyReader, FRAME_BYTES, HEADER_BYTES, KIND, MAGIC, MOST_BODY, MOST_NAME, VERSION } from './format';

/** Bytes that are read at once. */
const AHEAD = 256 * 1024;
const AHEAD_AFTER_A_JUMP = 4096;

/** One record. Its bytes have been checked, and what they say makes sense in itself. */
export type SnapshotRecord =
  | { readonly kind: 'file'; readonly name: Name; readonly size: number; readonly runs: readonly ByteRange[]; readonly next: number }
  | { readonly kind: 'moreRuns'; readonly runs: readonly ByteRange[]; readonly next: number }
  | { readonly kind: 'end'; readonly files: number; readonly runs: number; readonly residentBytes: number; readonly next: number };

/** The file whose runs go on: where its last run ended, and its size. */
export interface Place {
  readonly end: number;
  readonly size: number;
}

/** A snapshot that is open. Whatever it claims, one record of it is held at a time. */
export class SnapshotReader {
  readonly #handle: FileHandle;
  readonly #name: string;
  readonly length: number;
  #window: { readonly from: number; readonly bytes: Buffer } = { from: 0, bytes: Buffer.alloc(0) };

  private constructor(handle: FileHandle, name: string, length: number) {
    this.#handle = handle;
    this.#name = name;
    this.length = length;
  }

  /** Rejects with `IO`, `UNSUPPORTED` for what is no regular file, and `BAD_FORMAT` for what is no snapshot of a version that is known. */
  static async open(name: Name): Promise<SnapshotReader> {
    const path = fileName(name);
    let handle: FileHandle | undefined;
    try {
      // Opening some devices has effects, and a FIFO waits for its writer.
      const { mode } = await stat(name.bytes);
      if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw notRegular(path, mode & constants.S_IFMT);
      handle = await open(name.bytes, constants.O_RDONLY | constants.O_NONBLOCK);
      const status = await handle.stat();
      if (!status.isFile()) throw notRegular(path, status.mode & constants.S_IFMT);
      const reader = new SnapshotReader(handle, shown(path), status.size);
      await reader.#checkHeader();
      return reader;
    } catch (error) {
      await handle?.close();
      throw error instanceof NofaultError ? error : refusalOf(path, withPositiveErrno(error));
    }
  }

  /** The record at a position, which is where another one ended; `before` for one that may go on with the runs of a file. */
  async record(position: number, before?: Place): Promise<SnapshotRecord> {
    const frame = await this.#bytes(position, FRAME_BYTES);
    const length = frame.readUInt32LE(0);
    if (length === 0 || length > MOST_BODY) throw this.damaged(position, `a record of ${length} bytes is claimed`);
    const body = await this.#bytes(position + FRAME_BYTES, length);
    if (addon().crc32c(body) !== frame.readUInt32LE(4)) throw this.damaged(position, 'a checksum is wrong');
    const reader = new BodyReader(body);
    const next = position + FRAME_BYTES + length;
    const kind = reader.number();
    if (kind === KIND.file) {
      const size = this.#number(reader, position);
      const nameLength = this.#number(reader, position);
      const name = nameLength > MOST_NAME ? undefined : reader.bytes(nameLength);
      if (name === undefined || !isAbsolute(name)) throw this.damaged(position, 'the name of a file is none');
      return { kind: 'file', name: nameOf(Buffer.from(name)), size, runs: this.#runs(reader, { end: 0, size }, position), next };
    }
    if (kind === KIND.moreRuns && before !== undefined) return { kind: 'moreRuns', runs: this.#runs(reader, before, position), next };
    if (kind !== KIND.end) throw this.damaged(position, `a record of kind ${kind} does not belong here`);
    const [files, runs, residentBytes] = [0, 0, 0].map(() => this.#number(reader, position)) as [number, number, number];
    if (reader.left > 0 || next !== this.length) throw this.damaged(position, 'something follows the end');
    return { kind: 'end', files, runs, residentBytes, next };
  }

  damaged(position: number, what: string): NofaultError {
    return new NofaultError('BAD_FORMAT', `${this.#name} is damaged: ${what}, at byte ${position}`, {
      path: this.#name,
      offset: position,
    });
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #checkHeader(): Promise<void> {
    const path = this.#name;
    if (this.length < HEADER_BYTES) throw new NofaultError('BAD_FORMAT', `${path} is no snapshot: it has ${this.length} bytes`, { path });
    const header = await this.#bytes(0, HEADER_BYTES);
    if (!header.subarray(0, MAGIC.length).equals(MAGIC)) {
      throw new NofaultError('BAD_FORMAT', `${path} is no snapshot: expected "${MAGIC}" at its start`, { path, offset: 0 });
    }
    if (header.readUInt32LE(12) !== addon().crc32c(header.subarray(0, 12))) throw this.damaged(0, 'a checksum is wrong');
    const version = header.readUInt32LE(8);
    if (version !== VERSION) {
      const message = `${path} is a snapshot of version ${version}, and this nofault reads version ${VERSION}: take it again, or restore it with the nofault that made it`;
      throw new NofaultError('BAD_FORMAT', message, { path, offset: 8 });
    }
  }

  #runs(reader: BodyReader, { end: start, size }: Place, position: number): ByteRange[] {
    const runs: ByteRange[] = [];
    let end = start;
    while (reader.left > 0) {
      const gap = this.#number(reader, position);
      const length = this.#number(reader, position);
      const offset = end + gap;
      if (length === 0 || (gap === 0 && end > 0) || offset + length > size) throw this.damaged(position, 'a run lies where none can be');
      end = offset + length;
      runs.push({ offset, length });
    }
    if (runs.length === 0) throw this.damaged(position, 'a record has no runs');
    return runs;
  }

  #number(reader: BodyReader, position: number): number {
    const value = reader.number();
    if (value === undefined) throw this.damaged(position, 'a number is none');
    return value;
  }

  /** Reads further than it was asked, for records follow one another; little after a jump, for most records are small. */
  async #bytes(position: number, length: number): Promise<Buffer> {
    if (position + length > this.length) throw this.damaged(position, 'it ends too early');
    const { from, bytes } = this.#window;
    if (position >= from && position + length <= from + bytes.length) return bytes.subarray(position - from, position - from + length);
    const follows = position >= from && position <= from + bytes.length;
    const read = Buffer.allocUnsafe(Math.min(Math.max(length, follows ? AHEAD : AHEAD_AFTER_A_JUMP), this.length - position));
    let filled = 0;
    while (filled < read.length) {
      const { bytesRead } = await this.#handle.read(read, filled, read.length - filled, position + filled);
      if (bytesRead === 0) throw this.damaged(position + filled, 'it has become shorter');
      filled += bytesRead;
    }
    this.#window = { from: position, bytes: read };
    return read.subarray(0, length);
  }
}

/** Names are absolute, and say straight where the file lies: without that nobody could see from a snapshot what it opens. */
function isAbsolute(name: Buffer): boolean {
  const parts = name.toString('latin1').split('/');
  return (
    !name.includes(0) && parts.length > 1 && parts.shift() === '' && parts.every((part) => part !== '' && part !== '.' && part !== '..')
  );
}
