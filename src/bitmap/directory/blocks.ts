import type { GetOptions } from '../../file/contract';
import type { MappedFile } from '../../file/mapped-file';
import { BLOCK, type Header } from '../format';
import { loopsTurn } from '../slices';
import { Block } from './block';
import type { Search } from './search';

/** Decoded blocks that are kept: 4 MiB, which hold the upper levels of every directory and the leaves in use. */
const MOST_KEPT = 1024;

/** Blocks that a search may need that is to be answered at once. */
const MOST_NOW = 64;

/** Blocks that are read at once; more are asked for one after the other. */
const MOST_AT_ONCE = 1024;

/** The blocks of the directories of one index: read, checked, and some of them kept. */
export class Blocks {
  readonly #file: MappedFile;
  readonly #header: Header;
  /** By offset; those used least recently come first. */
  readonly #kept = new Map<number, Block>();

  constructor(file: MappedFile, header: Header) {
    this.#file = file;
    this.#header = header;
  }

  /** Runs a search to its end if all that it needs is here, and little of it; else undefined. */
  runNow<T>(search: Search<T>): T | undefined {
    let needed = 0;
    let step = search.next([]);
    while (!step.done) {
      needed += step.value.length;
      const blocks = needed <= MOST_NOW ? this.#tryGet(step.value) : undefined;
      if (blocks === undefined) {
        search.return(undefined as never);
        return undefined;
      }
      step = search.next(blocks);
    }
    return step.value;
  }

  /** Runs a search to its end, in slices. */
  async run<T>(search: Search<T>, options: GetOptions = {}): Promise<T> {
    let step = search.next([]);
    while (!step.done) {
      const blocks: Block[] = [];
      for (let from = 0; from < step.value.length; from += MOST_AT_ONCE) {
        for (const block of await this.#get(step.value.slice(from, from + MOST_AT_ONCE), options)) blocks.push(block);
      }
      const turn = loopsTurn();
      if (turn) await turn;
      options.signal?.throwIfAborted();
      step = search.next(blocks);
    }
    return step.value;
  }

  #tryGet(offsets: readonly number[]): Block[] | undefined {
    const missing = offsets.filter((offset) => !this.#kept.has(offset));
    const buffers = missing.map(() => Buffer.allocUnsafeSlow(BLOCK));
    if (missing.length > 0 && this.#file.tryRead(buffers, missing) === undefined) return undefined;
    const read = new Map(missing.map((offset, i) => [offset, new Block(buffers[i] as Buffer, offset, this.#header)]));
    return offsets.map((offset) => this.#use(offset, read));
  }

  async #get(offsets: readonly number[], options: GetOptions): Promise<Block[]> {
    const missing = offsets.filter((offset) => !this.#kept.has(offset));
    // Another search may push out of memory what is kept while this one waits.
    const here = new Map<number, Block>();
    for (const offset of offsets) {
      const block = this.#kept.get(offset);
      if (block !== undefined) here.set(offset, block);
    }
    if (missing.length > 0) {
      const buffers = missing.map(() => Buffer.allocUnsafeSlow(BLOCK));
      await this.#file.read(buffers, missing, options);
      for (const [i, offset] of missing.entries()) {
        const turn = loopsTurn();
        if (turn) await turn;
        options.signal?.throwIfAborted();
        here.set(offset, new Block(buffers[i] as Buffer, offset, this.#header));
      }
    }
    return offsets.map((offset) => this.#use(offset, here));
  }

  #use(offset: number, read: ReadonlyMap<number, Block>): Block {
    const block = (read.get(offset) ?? this.#kept.get(offset)) as Block;
    this.#kept.delete(offset);
    this.#kept.set(offset, block);
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value as number);
    return block;
  }
}
