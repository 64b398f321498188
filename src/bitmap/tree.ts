import type { BitmapRef } from './format';

/**
 * What a scan evaluates: a set of rows, put together from bitmaps of one index file. Names, keys and numbers have been resolved; what is left is where the
 * bitmaps lie. `and` of nothing is every row of the index, `or` of nothing none. The same reference may stand in several places: it is read once.
 */
export type Tree =
  | { readonly kind: 'all' }
  | { readonly kind: 'none' }
  | { readonly kind: 'bitmap'; readonly ref: BitmapRef }
  | { readonly kind: 'and'; readonly parts: readonly Tree[] }
  | { readonly kind: 'or'; readonly parts: readonly Tree[] }
  /** Rows of `from` that are not of `what`. */
  | { readonly kind: 'minus'; readonly from: Tree; readonly what: Tree };
