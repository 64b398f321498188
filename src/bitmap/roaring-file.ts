import { invalidArgument, NofaultError } from '../errors';
import { checkSignal } from '../file/cancelling';
import type { GetOptions, OpenOptions } from '../file/contract';
import type { MappedFile } from '../file/mapped-file';
import { open } from '../file/open';
import { checkOptions } from '../file/page-set';
import { addon, type NativeHeader, type NativeOutcome } from '../native';
import { CODE, GOAL } from '../native/bitmap';
import { bytesOf } from './arrived';
import { damaged } from './damage';
import { Evaluation, TOO_MANY_RUNS } from './evaluation';
import { parse } from './headers';
import { type Sought, seek } from './membership';
import { Running } from './running';

/** Values that a bitmap may have: 32-bit numbers. */
const VALUES = 2 ** 32;

/** Values of one batch at most. */
const BATCH = 65_536;

/** Bytes that are read first: nearly always the whole header. */
const FIRST = 4096;

export interface RoaringOptions extends OpenOptions {
  /**
   * Where the bitmap begins, in bytes from the start of the file.
   * @default 0
   */
  readonly offset?: number;
  /**
   * Its bytes, or more.
   * @default what the file has from `offset` on
   */
  readonly length?: number;
}

/**
 * Opens a bitmap in the portable Roaring format, as every Roaring library writes it: a file, or a part of one. Only its header is read. Rejects with
 * `BAD_FORMAT` when it is no such bitmap, and otherwise as `open` does.
 */
export async function openRoaring(path: Parameters<typeof open>[0], options: RoaringOptions = {}): Promise<RoaringFile> {
  checkSignal(options);
  for (const name of ['offset', 'length'] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      throw invalidArgument(`options.${name}`, 'a whole number of bytes, at least 0', value);
    }
  }
  const { offset = 0, length: given, ...rest } = options;
  const file = await open(path, rest);
  try {
    const length = given ?? Math.max(0, file.size - offset);
    if (offset + length > file.size) {
      throw new NofaultError('OUT_OF_RANGE', `bytes ${offset} to ${offset + length} do not lie in ${file.path}, which has ${file.size}`, {
        path: file.path,
        offset,
      });
    }
    return new RoaringFile(file, offset, await readHeader(file, offset, length, options.signal));
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readHeader(file: MappedFile, offset: number, length: number, signal: AbortSignal | undefined): Promise<NativeHeader> {
  for (let needed = Math.min(length, FIRST); ; ) {
    const bytes = Buffer.alloc(needed);
    await file.read([bytes], [offset], signal ? { signal } : {});
    const header = parse(bytes, offset, length, file.path);
    if (header instanceof Error) throw header;
    if (header.needed === 0) return header;
    needed = header.needed;
  }
}

/**
 * A Roaring bitmap in a file, which is never loaded: each question reads what it needs of it. Made by `openRoaring`.
 *
 * A damaged container may give wrong values of its chunk, or `BAD_FORMAT` with the file's offset; the format has no checksums. After `close` everything throws or
 * rejects with `CLOSED`.
 */
export class RoaringFile implements AsyncDisposable {
  /** Values in it, as its header says. */
  readonly cardinality: number;
  readonly #file: MappedFile;
  readonly #offset: number;
  readonly #header: NativeHeader;
  readonly #running: Running;

  /** @internal */
  constructor(file: MappedFile, offset: number, header: NativeHeader) {
    this.#file = file;
    this.#offset = offset;
    this.#header = header;
    this.#running = new Running(file.path);
    this.cardinality = header.cardinality;
  }

  /** Whether it has the value, if what tells is in memory; else undefined. Reads nothing. */
  tryHas(value: number): boolean | undefined {
    this.#running.assertOpen();
    const sought = seek(this.#header, checked(value));
    if (typeof sought === 'boolean') return sought;
    const marks = addon().marksMade();
    const bytes = this.#file.tryRange(this.#offset + sought.offset, sought.length);
    const has = bytes && sought.has(bytes);
    return bytes && addon().marksMade() === marks ? this.#sound(sought, has) : undefined;
  }

  /** Whether it has the value, a whole number from 0 to 2^32 - 1. */
  async has(value: number, options: GetOptions = {}): Promise<boolean> {
    checkOptions(options);
    const sought = seek(this.#header, checked(value));
    return this.#running.linked(options, async (linked) => {
      if (typeof sought === 'boolean') return sought;
      for (;;) {
        const marks = addon().marksMade();
        const set = this.#file.getRanges([{ offset: this.#offset + sought.offset, length: sought.length }], linked);
        for await (const entry of set) {
          const bytes = bytesOf(set, entry);
          const has = bytes && sought.has(bytes);
          if (bytes && addon().marksMade() === marks) return this.#sound(sought, has);
        }
      }
    });
  }

  /** How many values it has in common with another one, of the same file or of another. */
  async andCount(other: RoaringFile, options: GetOptions = {}): Promise<number> {
    if (!(other instanceof RoaringFile)) throw invalidArgument('other', 'a RoaringFile', other);
    checkOptions(options);
    const evaluation = this.#evaluation(Uint32Array.of(CODE.and, 2, CODE.bitmap, 0, CODE.bitmap, 1), [this, other], GOAL.count, options);
    let count = 0;
    for await (const step of this.#steps(evaluation, [this, other])) count += step.count();
    return count;
  }

  /** How many values it and another one have together. */
  async orCount(other: RoaringFile, options: GetOptions = {}): Promise<number> {
    const common = await this.andCount(other, options);
    return this.cardinality + other.cardinality - common;
  }

  /** The values, ascending, in batches of any length but 0. Reading goes ahead of who takes them by a bounded number of bytes only. */
  values(options: GetOptions = {}): AsyncIterable<Uint32Array> {
    checkOptions(options);
    this.#running.assertOpen();
    return this.#values(options);
  }

  async *#values(options: GetOptions): AsyncGenerator<Uint32Array, void, undefined> {
    const evaluation = this.#evaluation(Uint32Array.of(CODE.bitmap, 0), [this], GOAL.rows, options);
    for await (const step of this.#steps(evaluation, [this])) {
      for (let batch = step.takeRows(BATCH); batch.length > 0; batch = step.takeRows(BATCH)) yield batch;
    }
  }

  /** Closes the file: calls that wait reject with `CLOSED`. Can be called repeatedly. */
  async close(): Promise<void> {
    await this.#running.close();
    await this.#file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What was found in the bytes sought, which disturbed no guard. */
  #sound(sought: Sought, has: boolean | undefined): boolean {
    this.#file.assertReaches(this.#offset + sought.offset + sought.length);
    if (has === undefined) throw damaged(this.#file.path, this.#offset + sought.offset, TOO_MANY_RUNS);
    return has;
  }

  #evaluation(code: Uint32Array, bitmaps: readonly RoaringFile[], goal: number, options: GetOptions): Evaluation {
    const files = bitmaps.map((bitmap) => bitmap.#file);
    const headers = bitmaps.map((bitmap) => bitmap.#header);
    const offsets = Float64Array.from(bitmaps, (bitmap) => bitmap.#offset);
    const scan = new (addon().Scan)(code, headers, Uint32Array.from(files.keys()), offsets, new Uint32Array(0), goal, VALUES);
    return new Evaluation(files, scan, options);
  }

  async *#steps(evaluation: Evaluation, bitmaps: readonly RoaringFile[]): AsyncGenerator<NativeOutcome, void, undefined> {
    const ended = bitmaps.map((bitmap) => bitmap.#running.add(evaluation));
    try {
      yield* evaluation.steps();
    } finally {
      for (const end of ended) end();
    }
  }
}

function checked(value: number): number {
  if (!(Number.isInteger(value) && value >= 0 && value < VALUES))
    throw invalidArgument('value', 'a whole number from 0 to 2^32 - 1', value);
  return value;
}
