import type { FileHandle } from 'node:fs/promises';
import type { ByteRange } from '../../file/contract';
import { addon } from '../../native';
import { Body, KIND, MAGIC, MOST_BODY, MOST_RUN, VERSION } from './format';

/** Bytes that are written at once. */
const WRITTEN_AT_ONCE = 256 * 1024;

/** Writes a snapshot from its start to its end. */
export class SnapshotWriter {
  readonly #handle: FileHandle;
  readonly #body = new Body(MOST_BODY);
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  files = 0;
  runs = 0;
  residentBytes = 0;
  /** Bytes of the snapshot. */
  bytes = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
    const header = Buffer.alloc(16);
    MAGIC.copy(header);
    header.writeUInt32LE(VERSION, 8);
    header.writeUInt32LE(addon().crc32c(header.subarray(0, 12)), 12);
    this.#append(header);
  }

  /** A file and its runs, which ascend and do not touch. */
  async file(name: Buffer, size: number, runs: Iterable<ByteRange>): Promise<void> {
    const body = this.#body;
    body.number(KIND.file);
    body.number(size);
    body.number(name.length);
    body.bytes(name);
    let position = 0;
    for (const { offset, length } of runs) {
      if (body.length + MOST_RUN > MOST_BODY) {
        await this.#record();
        body.number(KIND.moreRuns);
      }
      body.number(offset - position);
      body.number(length);
      position = offset + length;
      this.runs += 1;
      this.residentBytes += length;
    }
    this.files += 1;
    await this.#record();
  }

  /** The sums; nothing follows. */
  async end(): Promise<void> {
    this.#body.number(KIND.end);
    for (const sum of [this.files, this.runs, this.residentBytes]) this.#body.number(sum);
    await this.#record();
    await this.#flush();
  }

  async #record(): Promise<void> {
    const body = this.#body.take();
    const record = Buffer.allocUnsafe(8 + body.length);
    record.writeUInt32LE(body.length, 0);
    record.writeUInt32LE(addon().crc32c(body), 4);
    record.set(body, 8);
    this.#append(record);
    if (this.#waitingBytes >= WRITTEN_AT_ONCE) await this.#flush();
  }

  #append(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.bytes += bytes.length;
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (let written = 0; written < bytes.length; ) written += (await this.#handle.write(bytes, written)).bytesWritten;
  }
}
