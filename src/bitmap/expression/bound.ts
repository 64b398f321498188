import type { Column } from '../format';

/** One end of a range over keys. */
export interface KeyBound {
  readonly key: Buffer;
  readonly inclusive: boolean;
}

/** Integers from `least` to `greatest`, both included. */
export interface Stretch {
  readonly least: bigint;
  readonly greatest: bigint;
}

/**
 * An expression that has been checked against an index: names are columns, values are keys or scaled integers, and negation has been pushed down to what can
 * be negated without touching nulls. What it stands for is a set of rows, not a question with three answers any more.
 */
export type Bound =
  | { readonly kind: 'all' }
  | { readonly kind: 'none' }
  /** The rows that have a value, of a column that has nulls. */
  | { readonly kind: 'exists'; readonly column: Column }
  /** The rows with one of these values, of a column of kind `values`; ascending and all different. A value need not be in the index. */
  | { readonly kind: 'keys'; readonly column: Column; readonly keys: readonly Buffer[] }
  /** The rows whose value lies between two keys, of a column of kind `values`; without a bound it is open. */
  | { readonly kind: 'between'; readonly column: Column; readonly from: KeyBound | undefined; readonly to: KeyBound | undefined }
  /** The rows whose number lies in one of these stretches, of a column of kind `numbers`; ascending with gaps between them, within what the column has. */
  | { readonly kind: 'slices'; readonly column: Column; readonly stretches: readonly Stretch[] }
  | { readonly kind: 'and'; readonly parts: readonly Bound[] }
  | { readonly kind: 'or'; readonly parts: readonly Bound[] }
  /** Rows of `from` that are not of `what`. */
  | { readonly kind: 'minus'; readonly from: Bound; readonly what: Bound };
