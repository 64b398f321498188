import { NofaultError } from '../../errors';
import { addon, type NativeBuild } from '../../native';
import type { ColumnInfo } from '../contract';
import { BLOCK, type Column, checksum, encodeColumns, encodeHeader, infoOf, MOST_ROWS } from '../format';
import type { BadRows } from './bad-rows';
import type { BadCell } from './cells';
import { type WantedColumn, wantedColumns } from './columns';
import type { BuildProgress, ColumnSpec } from './contract';
import { type Chosen, Evidence } from './evidence';
import { type Intake, makeIntake } from './intake';
import { makeScratch, type Place, writeError } from './output';
import type { Pacer } from './pacer';
import { type Batch, type Choose, SAMPLE_ROWS, type Source } from './source';
import { type Scratch, Spills } from './spills';

/** Rows of a chunk. */
const CHUNK = 65_536;
/** Rows of a column that are read between two looks at the clock. */
const STRETCH = 1024;

/** What a build may hold before it spills. */
export interface Budget {
  /** Bytes of containers and keys that all columns have gathered. */
  readonly gathered: number;
  /** Keys that are known, of all columns, and their bytes. */
  readonly keys: number;
  readonly keyBytes: number;
}

export const BUDGET: Budget = { gathered: 64 * 2 ** 20, keys: 2 ** 19, keyBytes: 32 * 2 ** 20 };

export interface BuilderOptions {
  readonly columns?: readonly ColumnSpec[] | undefined;
  readonly budget?: Budget;
  /** Rows beyond which it refuses more. */
  readonly mostRows?: number;
}

export interface Built {
  readonly rows: number;
  readonly bytes: number;
  readonly columns: ColumnInfo[];
}

/** One row that does not fit. */
interface Misfit {
  readonly cell: BadCell;
  readonly column: number;
}

/**
 * Turns the batches of a source into an index file. Rows wait in typed arrays until they are a chunk; the addon makes containers of it, on threads, while the next
 * one fills; what it has gathered is spilled as sorted runs when it is too much, and merged in the end.
 */
export class Builder {
  readonly #names: string;
  readonly #budget: Budget;
  readonly #mostRows: number;
  #wanted: WantedColumn[] = [];
  #columns: { readonly chosen: Chosen; readonly intake: Intake }[] = [];
  #native: NativeBuild | undefined;
  #spills: Spills | undefined;
  /** Rows taken in all, and those of them that wait. */
  #rows = 0;
  #waiting = 0;
  #chunks = 0;
  #chunksSpilled = 0;
  #adding: Promise<void> = Promise.resolve();
  /** Bytes that the columns held when the last chunk had been added. */
  #gathered = 0;
  #columnsWritten = 0;
  #phase: 'reading' | 'writing' = 'reading';

  constructor(
    private readonly source: Source,
    private readonly bad: BadRows,
    private readonly pacer: Pacer,
    private readonly place: Place,
    private readonly options: BuilderOptions = {},
  ) {
    this.#names = source.name;
    this.#budget = options.budget ?? BUDGET;
    this.#mostRows = options.mostRows ?? MOST_ROWS;
  }

  get progress(): BuildProgress {
    const { bytesRead, bytesTotal } = this.source;
    const progress = {
      phase: this.#phase,
      rows: this.#rows,
      bytesRead,
      columnsWritten: this.#columnsWritten,
      columnsTotal: this.#columns.length,
    };
    return bytesTotal === undefined ? progress : { ...progress, bytesTotal };
  }

  /** Reads the source to its end and writes the index into an empty file. */
  async build(to: Scratch): Promise<Built> {
    const stop = (): void => this.#native?.stop();
    this.pacer.signal.addEventListener('abort', stop);
    try {
      await this.#read();
      this.#phase = 'writing';
      return await this.#writing(this.#write(to));
    } catch (error) {
      // A merge that was told to stop says so in its own way.
      this.pacer.signal.throwIfAborted();
      throw error;
    } finally {
      this.pacer.signal.removeEventListener('abort', stop);
      await this.#adding.catch(() => {});
      await this.#spills?.close();
    }
  }

  async #read(): Promise<void> {
    const choose: Choose = (there) => {
      this.#wanted = wantedColumns(there, this.options.columns, this.#names);
      return this.#wanted.map(({ index }) => index);
    };
    for await (const batch of this.source.read(choose, this.bad)) {
      await this.#takeBatch(batch);
      await this.#sendChunks();
      await this.#spillWhatIsTooMuch();
      if (this.pacer.due) await this.pacer.pause();
    }
    // Nothing but a line of names: columns without values.
    if (this.#native === undefined) this.#begin(this.#wanted.map(({ column, spec }) => new Evidence(this.#names, column, spec).choose()));
    if (this.#waiting > 0) await this.#send(0, this.#waiting);
    await this.#adding;
    await this.#writing(this.#spilling().add());
  }

  async #takeBatch(batch: Batch): Promise<void> {
    if (this.#rows + batch.rows > this.#mostRows) {
      throw new NofaultError('LIMIT', `${this.#names} has more than ${this.#mostRows} rows, and an index can have no more`);
    }
    const misfits = new Map<number, Misfit>();
    const first = this.#native === undefined;
    const begun: Chosen[] = [];
    for (const [column, { spec, column: there }] of this.#wanted.entries()) {
      const values = await batch.column(column);
      if (first) {
        const chosen = await this.#chosen(
          values,
          Math.min(batch.rows, batch.sample ?? SAMPLE_ROWS, SAMPLE_ROWS),
          new Evidence(this.#names, there, spec),
        );
        begun.push(chosen);
        this.#columns.push({ chosen, intake: makeIntake(chosen) });
      }
      const { intake } = this.#columns[column] as { intake: Intake };
      intake.reserve(this.#waiting + batch.rows);
      const note = (row: number, cell: BadCell): void => {
        if (!misfits.has(row)) misfits.set(row, { cell, column });
      };
      for (let from = 0; from < batch.rows; from += STRETCH) {
        intake.take(values, from, Math.min(batch.rows, from + STRETCH), this.#waiting + from, note);
        if (this.pacer.due) await this.pacer.pause();
      }
    }
    if (first) this.#begin(begun);
    const taken = batch.rows - misfits.size;
    if (misfits.size > 0) this.#leaveOut(misfits, batch);
    this.#waiting += taken;
    this.#rows += taken;
  }

  async #chosen(values: ArrayLike<unknown>, rows: number, evidence: Evidence): Promise<Chosen> {
    for (let from = 0; from < rows; from += STRETCH) {
      evidence.observe(values, from, Math.min(rows, from + STRETCH));
      if (this.pacer.due) await this.pacer.pause();
    }
    return evidence.choose();
  }

  #begin(chosen: readonly Chosen[]): void {
    if (this.#columns.length === 0) this.#columns = chosen.map((one) => ({ chosen: one, intake: makeIntake(one) }));
    const { Build } = addon();
    this.#native = new Build(Uint8Array.from(chosen, ({ kind }) => (kind === 'values' ? 1 : 2)));
    this.#spills = new Spills(this.#native, chosen.length, () => makeScratch(this.place));
  }

  /** Tells of the rows that do not fit, in their order, and closes the gaps. */
  #leaveOut(misfits: ReadonlyMap<number, Misfit>, batch: Batch): void {
    const rows = [...misfits.keys()].sort((a, b) => a - b);
    for (const row of rows) {
      const { cell, column } = misfits.get(row) as Misfit;
      const name = JSON.stringify((this.#columns[column] as { chosen: Chosen }).chosen.name);
      this.bad.refuse(batch.place(row), `column ${name}: ${cell.what}`, cell.advice);
    }
    for (const { intake } of this.#columns) {
      let at = this.#waiting + (rows[0] as number);
      for (const [i, row] of rows.entries()) {
        const end = rows[i + 1] ?? batch.rows;
        intake.move(this.#waiting + row + 1, this.#waiting + end, at);
        at += end - row - 1;
      }
    }
  }

  async #sendChunks(): Promise<void> {
    let sent = 0;
    for (; this.#waiting - sent >= CHUNK; sent += CHUNK) await this.#send(sent, sent + CHUNK);
    if (sent === 0) return;
    for (const { intake } of this.#columns) intake.move(sent, this.#waiting, 0);
    this.#waiting -= sent;
  }

  /** Has containers made of waiting rows. Returns while that is under way: what is handed over has been copied. */
  async #send(from: number, to: number): Promise<void> {
    await this.#adding;
    const native = this.#native as NativeBuild;
    const chunk = this.#chunks++;
    const adding: Promise<number>[] = [];
    for (const [column, { intake }] of this.#columns.entries()) {
      const one = intake.send(native, column, chunk, from, to);
      // Looked at together below, when all have been handed over.
      one.catch(() => {});
      adding.push(one);
      if (this.pacer.due) await this.pacer.pause();
    }
    this.#adding = Promise.all(adding).then((gathered) => {
      this.#gathered = gathered.reduce((sum, bytes) => sum + bytes, 0);
    });
    this.#adding.catch(() => {});
  }

  async #spillWhatIsTooMuch(): Promise<void> {
    let keys = 0;
    let keyBytes = 0;
    for (const { intake } of this.#columns) {
      keys += intake.keys;
      keyBytes += intake.keyBytes;
    }
    const { gathered, keys: mostKeys, keyBytes: mostKeyBytes } = this.#budget;
    if (keys < mostKeys && keyBytes < mostKeyBytes && this.#gathered < gathered) return;
    // The rows that wait may have all these keys, and cannot be spilled.
    if (this.#chunks === this.#chunksSpilled) return;
    await this.#adding;
    this.#chunksSpilled = this.#chunks;
    this.#gathered = 0;
    await this.#writing(this.#spilling().add());
    for (const { intake } of this.#columns) intake.forgetKeys(this.#waiting);
  }

  /** Whatever fails here is about the index, and not about its source. */
  async #writing<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      throw writeError(error, this.place.name);
    }
  }

  #spilling(): Spills {
    return this.#spills as Spills;
  }

  async #write(to: Scratch): Promise<Built> {
    const { fd } = to.handle;
    const native = this.#native as NativeBuild;
    let offset = BLOCK;
    const columns: Column[] = [];
    for (const [index, { chosen }] of this.#columns.entries()) {
      this.pacer.signal.throwIfAborted();
      const { end, existing, bits, valueCount, root, height, firstLeaf, leafCount } = await this.#spilling().writeColumn(
        index,
        fd,
        to.device,
        offset,
      );
      offset = end;
      const { name, kind, type, scale } = chosen;
      const nulls = native.nulls(index);
      const common = { name, kind, type, scale, nulls, exists: nulls > 0 ? existing : undefined };
      if (kind === 'values') columns.push({ ...common, directory: { valueCount, root, height, firstLeaf, leafCount } });
      else {
        const [min, max] = native.extremes(index);
        columns.push({ ...common, slices: { min, max, bits } });
      }
      this.#columnsWritten += 1;
    }
    const table = encodeColumns(columns);
    const header = encodeHeader({
      rowCount: this.#rows,
      fileLength: offset + table.length,
      tableOffset: offset,
      tableLength: table.length,
      tableChecksum: checksum(table),
      columnCount: columns.length,
    });
    await writeAll(to, table, offset);
    await writeAll(to, Buffer.concat([header], BLOCK), 0);
    return { rows: this.#rows, bytes: offset + table.length, columns: columns.map(infoOf) };
  }
}

async function writeAll({ handle }: Scratch, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, offset + at);
    at += bytesWritten;
  }
}
