import type { ColumnType } from '../contract';
import type { BadRows } from './bad-rows';

/** Rows of a batch by which the kinds of columns are chosen, as far as the source has so many. */
export const SAMPLE_ROWS = 65_536;
/** Bytes of text after which a sample ends before that: rows can be long. */
export const SAMPLE_BYTES = 16 * 2 ** 20;
/** Rows of a batch of a source that reads row by row. */
export const BATCH_ROWS = 4096;

/** A column as its source knows it. */
export interface SourceColumn {
  readonly name: string;
  /** Its values are text, whatever they mean; text without characters is null. */
  readonly text?: true;
  /** What the source says that its values are. */
  readonly type?: ColumnType;
  /** Digits after the point of declared decimals, which come as integers, already scaled. */
  readonly scale?: number;
  /** What it is when the sample has no value. */
  readonly otherwise?: ColumnType;
  /** Why it cannot be indexed. */
  readonly unfit?: string;
}

/** Rows, column by column. Used up before the next one is asked for. */
export interface Batch {
  readonly rows: number;
  /** How many of the first batch's rows the columns are chosen by, where not all of SAMPLE_ROWS: the same however the source's bytes come in pieces. */
  readonly sample?: number;
  /** What the rows have in a column, by its place among those that were chosen; may be decoded only now. */
  column(index: number): ArrayLike<unknown> | Promise<ArrayLike<unknown>>;
  /** Where a row was in the source, for people: `line 17`. */
  place(row: number): string;
}

/** Which of the columns are wanted, as places in what there is. Throws when that cannot be. */
export type Choose = (columns: readonly SourceColumn[]) => readonly number[];

export interface Source {
  /** How the source is called in errors. */
  readonly name: string;
  /** Reads from start to end, once. `choose` is called before the first batch, which is the sample, or the end. */
  read(choose: Choose, bad: BadRows): AsyncIterable<Batch>;
  /** Bytes read so far; 0 where it does not consist of bytes. */
  readonly bytesRead: number;
  readonly bytesTotal: number | undefined;
}
