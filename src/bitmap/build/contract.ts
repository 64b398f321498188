import type { ColumnInfo, ColumnKind, ColumnType } from '../contract';

/** What a row may have in a column. `undefined`, and a key that is not there, are null. */
export type Cell = string | number | bigint | boolean | Date | null | undefined;

/** A row by the names of its columns. */
export type RowObject = Readonly<Record<string, Cell>>;

/** How the rows of a file are written down. */
export type SourceFormat = 'csv' | 'tsv' | 'jsonl' | 'parquet';

/**
 * Where the rows come from.
 *
 * A `path` names a file, read by a thread of its own, so that the event loop has nothing to do with it. Its `format` is told by its name (`.csv`, `.tsv`, `.tab`,
 * `.jsonl`, `.ndjson`, `.parquet`, the text formats also with `.gz` behind) or else by its first bytes. A `stream` of bytes (a Readable, or any async iterable of
 * Uint8Array) is read in the same way; Parquet cannot be, for it begins at the end. An iterable of row objects is drawn on the event loop, in slices of a few
 * milliseconds.
 *
 * Text is UTF-8. CSV and TSV begin with a line of names; a field without anything in it is null. Parquet columns that are nested are refused unless they
 * are left out.
 */
export type BuildSource =
  | string
  | URL
  | {
      readonly path: string | Buffer | URL;
      readonly format?: SourceFormat;
      /** One character, for CSV; found out from the first line otherwise. */
      readonly delimiter?: string;
    }
  | {
      readonly stream: AsyncIterable<Uint8Array>;
      readonly format?: SourceFormat;
      readonly delimiter?: string;
      /** Bytes, where they are known: for progress. */
      readonly size?: number;
    }
  | Iterable<RowObject>
  | AsyncIterable<RowObject>;

/**
 * How a column is indexed. What is not said is chosen by what its first rows have (`docs/building.md`).
 */
export interface ColumnSpec {
  /** As in the source; `*` stands for all columns that no other spec names, in the source's order. */
  readonly name: string;
  /** `none` leaves out a column that `*` would bring. */
  readonly kind?: ColumnKind | 'none';
  readonly type?: ColumnType;
  /** Digits after the decimal point, 0 to 18, for type `decimal`; numbers that have more are rounded to as many, half away from zero. */
  readonly scale?: number;
}

/** How far a build is. */
export interface BuildProgress {
  /** `reading` the source, then `writing` the index. */
  readonly phase: 'reading' | 'writing';
  /** Rows indexed so far. */
  readonly rows: number;
  /** Bytes read of the source; 0 for an iterable. */
  readonly bytesRead: number;
  /** Bytes of the source, where they are known. */
  readonly bytesTotal?: number;
  /** While writing: columns that are written, of so many. */
  readonly columnsWritten: number;
  readonly columnsTotal: number;
}

export interface BuildOptions {
  /** The columns to index, in this order; all when it is left out. */
  readonly columns?: readonly ColumnSpec[];
  readonly signal?: AbortSignal;
  /** Called about ten times a second. What it throws ends the build. */
  readonly onProgress?: (progress: BuildProgress) => void;
  /** A row that cannot be read, or does not fit its columns: `fail` (which is what happens by itself) or leave it out and count it. */
  readonly onBadRow?: 'fail' | 'skip';
}

/** What was built. */
export interface IndexSummary {
  /** The index. */
  readonly path: string;
  /** Rows in it. */
  readonly rows: number;
  /** Rows left out as bad. Those that follow move up: the index numbers rows without them. */
  readonly skippedRows: number;
  /** What was wrong with the first ten of them. */
  readonly skipped: readonly string[];
  /** Bytes of the index. */
  readonly bytes: number;
  /** Bytes read of the source; 0 for an iterable. */
  readonly bytesRead: number;
  readonly columns: readonly ColumnInfo[];
  readonly seconds: number;
}
