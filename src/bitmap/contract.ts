import type { GetOptions } from '../file/contract';

/** A value of a column: a string, a boolean, a number (an integer, or a decimal of the column's digits), a bigint, or a day. */
export type Value = string | number | bigint | boolean | Date;

/** Which values a range takes; at least one bound. */
export interface Bounds {
  readonly gt?: Value;
  readonly gte?: Value;
  readonly lt?: Value;
  readonly lte?: Value;
}

/**
 * Which rows a query takes. Comparisons with null are as in SQL: a row whose column is null matches neither a comparison nor its negation, but only
 * `isNull`. `and` of nothing takes every row, `or` of nothing none.
 */
export type Expression =
  | { readonly eq: readonly [column: string, value: Value] }
  | { readonly in: readonly [column: string, values: readonly Value[]] }
  | { readonly range: readonly [column: string, bounds: Bounds] }
  | { readonly isNull: string }
  | { readonly and: readonly Expression[] }
  | { readonly or: readonly Expression[] }
  | { readonly not: Expression };

/** One bitmap a value; or one bitmap a binary digit of the number. */
export type ColumnKind = 'values' | 'numbers';

/** `date` is a day, without a time. */
export type ColumnType = 'string' | 'boolean' | 'integer' | 'decimal' | 'date';

/** What an index knows of a column without reading any bitmap. */
export interface ColumnInfo {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly type: ColumnType;
  /** Digits after the decimal point; 0 for everything but decimals. */
  readonly scale: number;
  /** Rows without a value. */
  readonly nulls: number;
  /** Different values, of a column of kind `values`. */
  readonly valueCount?: number;
  /** The least and the greatest value, of a column of kind `numbers` that has any: integers, of decimals scaled by 10 ** scale. */
  readonly min?: bigint;
  readonly max?: bigint;
  /** Bitmaps of a column of kind `numbers`. */
  readonly slices?: number;
}

/** A signal rejects with its reason and stops reading; `priority: 'scan'` reads behind everything interactive. */
export type QueryOptions = GetOptions;

export interface RowsOptions extends QueryOptions {
  /** So many rows at most, the first ones. */
  readonly limit?: number;
}

/** What a query reads, and what of that is in memory, as of a moment ago. */
export interface Plan {
  /** Pages that hold what it needs of bitmaps: their headers, and containers. */
  readonly pages: number;
  readonly bytes: number;
  readonly residentPages: number;
  readonly residentBytes: number;
  readonly missingPages: number;
  readonly missingBytes: number;
  /** Bitmaps whose headers are read. */
  readonly bitmaps: number;
  /** Containers that are read, and those of the same bitmaps that are not, because the headers tell the outcome. */
  readonly containersRead: number;
  readonly containersSkipped: number;
  /** Chunks of 65,536 rows of which something is read. */
  readonly chunks: number;
  /** What is asked for together, in this order. */
  readonly steps: readonly PlanStep[];
}

export interface PlanStep {
  /** Chunks that the step completes, from `firstChunk` to `lastChunk`. */
  readonly chunks: number;
  readonly firstChunk: number;
  readonly lastChunk: number;
  /** Byte ranges of the file, and their bytes. */
  readonly ranges: number;
  readonly bytes: number;
}
