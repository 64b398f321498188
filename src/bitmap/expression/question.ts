/** Where something stands: a character of a text, or a path into an object such as `where.and[1].eq`. */
export type Place = number | string;

/** A value as it was written, before it is known which column it is compared with. */
export type Literal = { readonly at: Place } & (
  | { readonly type: 'string'; readonly string: string }
  /** `decimal` is all of it: digits, perhaps a sign, a point and an exponent. One that was `binary` had only 53 bits to hold it. */
  | { readonly type: 'number'; readonly decimal: string; readonly binary?: true }
  | { readonly type: 'boolean'; readonly boolean: boolean }
  /** Days since 1970-01-01. */
  | { readonly type: 'day'; readonly day: bigint }
);

export interface ColumnName {
  readonly name: string;
  readonly at: Place;
}

export interface End {
  readonly value: Literal;
  readonly inclusive: boolean;
}

/** An expression as it was written, text and object alike: well-formed, and not yet checked against an index. */
export type Question =
  | { readonly kind: 'in'; readonly column: ColumnName; readonly values: readonly Literal[] }
  | { readonly kind: 'range'; readonly column: ColumnName; readonly from?: End; readonly to?: End }
  | { readonly kind: 'null'; readonly column: ColumnName }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Question[] }
  | { readonly kind: 'not'; readonly part: Question };

/** Levels that an expression may have within one another. */
export const DEEPEST = 200;

/** Values and parts that an expression may have in all. */
export const MOST_VALUES = 1_000_000;

/** Refuses a question that is well-formed but does not fit; never returns. */
export type Refuse = (message: string, at: Place) => never;
