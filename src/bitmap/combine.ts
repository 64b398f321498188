import type { BitmapRef } from './format';
import type { Tree } from './tree';

export const ALL: Tree = { kind: 'all' };
export const NONE: Tree = { kind: 'none' };

/** The rows of one bitmap. */
export function rowsOf(ref: BitmapRef): Tree {
  return ref.cardinality === 0 ? NONE : { kind: 'bitmap', ref };
}

/** The rows that are in every part. What is taken away from parts is taken from all of it at once, for a chunk is over when one side of an `and` has none. */
export function allOf(given: readonly Tree[]): Tree {
  const parts: Tree[] = [];
  const taken: Tree[] = [];
  const add = (part: Tree): void => {
    if (part.kind === 'and') for (const inner of part.parts) parts.push(inner);
    else if (part.kind !== 'all') parts.push(part);
  };
  for (const part of given) {
    if (part.kind === 'none') return NONE;
    if (part.kind === 'minus') {
      add(part.from);
      taken.push(part.what);
    } else add(part);
  }
  const kept: Tree = parts.length === 0 ? ALL : parts.length === 1 ? (parts[0] as Tree) : { kind: 'and', parts };
  return taken.length === 0 ? kept : { kind: 'minus', from: kept, what: anyOf(taken) };
}

/** The rows that are in at least one part. */
export function anyOf(given: readonly Tree[]): Tree {
  const parts: Tree[] = [];
  for (const part of given) {
    if (part.kind === 'all') return ALL;
    if (part.kind === 'or') for (const inner of part.parts) parts.push(inner);
    else if (part.kind !== 'none') parts.push(part);
  }
  return parts.length === 0 ? NONE : parts.length === 1 ? (parts[0] as Tree) : { kind: 'or', parts };
}

/** The rows of `from` that are not of `what`. */
export function without(from: Tree, what: Tree): Tree {
  if (from.kind === 'none' || what.kind === 'all') return NONE;
  if (what.kind === 'none') return from;
  return from.kind === 'minus' ? { kind: 'minus', from: from.from, what: anyOf([from.what, what]) } : { kind: 'minus', from, what };
}

/** Nodes of a tree; counts no further than a few beyond `enough`. */
export function sizeOf(tree: Tree, enough: number): number {
  if (tree.kind === 'minus') return 1 + sizeOf(tree.from, enough) + sizeOf(tree.what, enough);
  if (tree.kind !== 'and' && tree.kind !== 'or') return 1;
  let size = 1 + tree.parts.length;
  for (const part of tree.parts) {
    if (size > enough) break;
    size += sizeOf(part, enough - size) - 1;
  }
  return size;
}
