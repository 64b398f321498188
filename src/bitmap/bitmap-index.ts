import { invalidArgument, NofaultError } from '../errors';
import type { GetOptions, OpenOptions } from '../file/contract';
import type { MappedFile } from '../file/mapped-file';
import type { ColumnInfo, Expression, Plan, QueryOptions, RowsOptions } from './contract';
import type { Asked, Edition } from './edition';
import { questionOfObject } from './expression/objects';
import { infoOf } from './format';
import { loopsTurn } from './slices';
import { extremeOf, sumOf } from './totals';
import { verifyEdition } from './verify';

/**
 * An index that is asked which rows of a table an expression takes. Made by `openIndex`.
 *
 * `tryCount` answers at once or not at all; everything else returns a promise. An argument of the wrong kind throws at once, with `INVALID_ARGUMENT`; an
 * expression that does not parse, or does not fit the columns, gives `BAD_EXPRESSION`, which promises reject with. A damaged index gives `BAD_FORMAT` with the
 * offset, storage that fails `IO` or `TRUNCATED`. After `close` everything gives `CLOSED`. A signal rejects with its reason.
 */
export class BitmapIndex implements AsyncDisposable {
  /** As it was opened. */
  readonly path: string;
  #edition: Edition;
  /** Those that were replaced and are still used. */
  readonly #earlier = new Set<Edition>();
  /** The same file, opened once more: it is asked whether another one has taken its place. */
  readonly #place: MappedFile;
  readonly #reopen: (options: OpenOptions) => Promise<Edition>;
  #columns: readonly ColumnInfo[];
  /** Another file has taken the place, and has not been read yet. */
  #replaced = false;
  #refreshing: Promise<boolean> | undefined;
  #closed = false;

  /** @internal */
  constructor(edition: Edition, place: MappedFile, reopen: (options: OpenOptions) => Promise<Edition>) {
    this.path = edition.file.path;
    this.#edition = edition;
    this.#place = place;
    this.#reopen = reopen;
    this.#columns = edition.columns.map(infoOf);
  }

  /** Rows of the table that was indexed, at most 2^32 - 1. They are numbered from 0. */
  get rowCount(): number {
    return this.#edition.header.rowCount;
  }

  /** The columns, as they stand in the index; of a new one after `refresh`. */
  get columns(): readonly ColumnInfo[] {
    return this.#columns;
  }

  /** How many rows, now, when all that it needs is in memory and it takes about a millisecond at most; else undefined. Reads nothing. */
  tryCount(where: Expression | string): number | undefined {
    const asked = askedBy(where);
    this.#assertOpen();
    const edition = this.#edition;
    const tree = edition.treeNow(asked);
    return tree && edition.scanner.tryCount(tree);
  }

  /** How many rows. */
  count(where: Expression | string, options: QueryOptions = {}): Promise<number> {
    const asked = askedBy(where);
    checkOptions(options);
    return this.#query(async (edition) => edition.scanner.count(await edition.tree(asked, options), options));
  }

  /**
   * The rows, ascending, in batches of any length but 0. Reading goes ahead of who takes them only so far. Each iteration is a query of its own, of the index as it is
   * when it begins.
   */
  rows(where: Expression | string, options: RowsOptions = {}): AsyncIterable<Uint32Array> {
    const asked = askedBy(where);
    checkOptions(options);
    const { limit } = options;
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0))
      throw invalidArgument('options.limit', 'an integer, at least 0', limit);
    return { [Symbol.asyncIterator]: () => this.#rows(asked, options) };
  }

  /** The rows as a bitmap in the portable Roaring format, which every Roaring library reads. */
  bitmap(where: Expression | string, options: QueryOptions = {}): Promise<Uint8Array> {
    const asked = askedBy(where);
    checkOptions(options);
    return this.#query(async (edition) => edition.scanner.bitmap(await edition.tree(asked, options), options));
  }

  /**
   * The sum of a column of integers, decimals or dates over the rows that `where` takes and that have a value; 0n when there are none. Of decimals it is the
   * integer that it is times 10 ** scale, of dates it is days since 1970-01-01.
   */
  sum(column: string, where?: Expression | string, options: QueryOptions = {}): Promise<bigint> {
    const asked = where === undefined ? undefined : askedBy(where);
    checkColumn(column);
    checkOptions(options);
    return this.#query((edition) => sumOf(edition, column, asked, options));
  }

  /** The least value of a column, as for `sum`; undefined when no row has any. */
  min(column: string, where?: Expression | string, options: QueryOptions = {}): Promise<bigint | undefined> {
    return this.#extreme('min', column, where, options);
  }

  /** The greatest value of a column, as for `sum`; undefined when no row has any. */
  max(column: string, where?: Expression | string, options: QueryOptions = {}): Promise<bigint | undefined> {
    return this.#extreme('max', column, where, options);
  }

  /** What `count` would read, what of that is in memory as of a moment ago, and in which order it works. Reads the directory and headers of bitmaps only. */
  explain(where: Expression | string, options: QueryOptions = {}): Promise<Plan> {
    const asked = askedBy(where);
    checkOptions(options);
    return this.#query(async (edition) => edition.scanner.plan(await edition.tree(asked, options)));
  }

  /** Reads the whole index, and rejects with `BAD_FORMAT` and the offset unless all checksums are right and everything fits together. */
  verify(options: QueryOptions = {}): Promise<void> {
    checkOptions(options);
    return this.#query((edition) => verifyEdition(edition, options));
  }

  /**
   * Looks whether another index has been renamed to the path. If so it is read from now on, and true is the answer; queries that run end on the old one.
   * When the new one cannot be read, it rejects and the old one is read as before. An index that was opened by a handle is never found replaced.
   */
  refresh(): Promise<boolean> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Closes the index: queries that run reject with `CLOSED`. Can be called repeatedly. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#earlier, this.#edition].map((edition) => edition.close()).concat(this.#place.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #extreme(
    which: 'min' | 'max',
    column: string,
    where: Expression | string | undefined,
    options: QueryOptions,
  ): Promise<bigint | undefined> {
    const asked = where === undefined ? undefined : askedBy(where);
    checkColumn(column);
    checkOptions(options);
    return this.#query((edition) => extremeOf(edition, column, which, asked, options));
  }

  async #query<T>(run: (edition: Edition) => Promise<T>): Promise<T> {
    this.#assertOpen();
    const edition = this.#edition;
    try {
      return await edition.use(async () => {
        // Reading an expression takes a moment, and many may be asked at once.
        const turn = loopsTurn();
        if (turn) await turn;
        return run(edition);
      });
    } catch (error) {
      throw this.#closed ? this.#closedError() : error;
    }
  }

  async *#rows(asked: Asked, options: RowsOptions): AsyncGenerator<Uint32Array, void, undefined> {
    this.#assertOpen();
    const edition = this.#edition;
    edition.enter();
    try {
      const tree = await edition.tree(asked, options);
      yield* edition.scanner.rows(tree, options);
    } catch (error) {
      throw this.#closed ? this.#closedError() : error;
    } finally {
      edition.leave();
    }
  }

  async #refresh(): Promise<boolean> {
    this.#assertOpen();
    try {
      const { change } = await this.#place.refresh();
      this.#replaced ||= change === 'replaced';
      if (!this.#replaced) return false;
      const edition = await this.#reopen({});
      if (this.#closed) {
        await edition.close();
        throw this.#closedError();
      }
      this.#replaced = false;
      this.#retire(this.#edition);
      this.#edition = edition;
      this.#columns = edition.columns.map(infoOf);
      return true;
    } catch (error) {
      throw this.#closed ? this.#closedError() : error;
    }
  }

  #retire(edition: Edition): void {
    this.#earlier.add(edition);
    void edition.retire().finally(() => this.#earlier.delete(edition));
  }

  #assertOpen(): void {
    if (this.#closed) throw this.#closedError();
  }

  #closedError(): NofaultError {
    return new NofaultError('CLOSED', `the index ${this.path} is closed`, { path: this.path });
  }
}

/** A text stays what it is; an object is read now, so that it may change afterwards. */
function askedBy(where: unknown): Asked {
  return typeof where === 'string' ? where : questionOfObject(where);
}

function checkColumn(column: unknown): void {
  if (typeof column !== 'string') throw invalidArgument('column', 'the name of a column', column);
}

function checkOptions(options: GetOptions): void {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
  const { signal, priority } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidArgument('options.signal', 'an AbortSignal', signal);
  if (priority !== undefined && priority !== 'interactive' && priority !== 'scan') {
    throw invalidArgument('options.priority', "'interactive' or 'scan'", priority);
  }
}
