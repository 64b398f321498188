import { NofaultError } from '../errors';
import { circuitOf } from './circuit';
import { ALL, allOf, anyOf, NONE, rowsOf, without } from './combine';
import { entriesBetween, findKeys, findRange, type Position } from './directory/directory';
import { type Search, together } from './directory/search';
import type { Bound, KeyBound } from './expression/bound';
import type { Column, Directory, Slices } from './format';
import type { Tree } from './tree';

/** Bitmaps that one range over values may need. */
const MOST_BITMAPS = 1_000_000;

/** Stretches that one list of numbers may have. */
const MOST_STRETCHES = 131_072;

/** Finds the bitmaps of what was asked for. Throws `LIMIT` where they are too many to be held. */
export function* resolve(bound: Bound): Search<Tree> {
  switch (bound.kind) {
    case 'all':
      return ALL;
    case 'none':
      return NONE;
    case 'exists':
      return existsOf(bound.column);
    case 'and':
      return allOf(yield* together(bound.parts.map(resolve)));
    case 'or':
      return anyOf(yield* together(bound.parts.map(resolve)));
    case 'minus': {
      const [from, what] = yield* together([resolve(bound.from), resolve(bound.what)]);
      return without(from as Tree, what as Tree);
    }
    case 'keys': {
      const found = yield* findKeys(bound.column.directory as Directory, bound.keys);
      return anyOf(found.filter((ref) => ref !== undefined).map(rowsOf));
    }
    case 'between':
      return yield* valuesBetween(bound.column, bound.from, bound.to);
    case 'slices':
      if (bound.stretches.length > MOST_STRETCHES) {
        throw new NofaultError(
          'LIMIT',
          `a list for column ${JSON.stringify(bound.column.name)}, which is of kind numbers, may have ${MOST_STRETCHES} numbers that are no neighbours, but ${bound.stretches.length} came`,
        );
      }
      return circuitOf(bound.column.slices as Slices, bound.stretches, existsOf(bound.column));
  }
}

/** The rows that have a value. */
export function existsOf(column: Column): Tree {
  return column.exists === undefined ? ALL : rowsOf(column.exists);
}

/** The bitmaps of all values of a range; where it has most of the values, all rows that have one without the bitmaps of the others. */
function* valuesBetween(column: Column, from: KeyBound | undefined, to: KeyBound | undefined): Search<Tree> {
  const directory = column.directory as Directory;
  const { valueCount, leafCount, height } = directory;
  if (height === 0) return NONE;
  const [start, end] = yield* findRange(directory, from, to);
  const inside = Math.max(0, (end.leaf - start.leaf) * (valueCount / leafCount) + end.entry - start.entry);
  if (inside <= valueCount / 2) return anyOf(yield* bitmapsBetween(column, [[start, end]]));
  const others = yield* bitmapsBetween(column, [
    [{ leaf: 0, entry: 0 }, start],
    [end, { leaf: leafCount, entry: 0 }],
  ]);
  return without(existsOf(column), anyOf(others));
}

function* bitmapsBetween(column: Column, stretches: readonly [Position, Position][]): Search<Tree[]> {
  const bitmaps: Tree[] = [];
  for (const [from, to] of stretches) {
    yield* entriesBetween(column.directory as Directory, from, to, (entries) => {
      for (const { bitmap } of entries) bitmaps.push(rowsOf(bitmap));
      if (bitmaps.length > MOST_BITMAPS) {
        throw new NofaultError(
          'LIMIT',
          `a range over column ${JSON.stringify(column.name)} may need ${MOST_BITMAPS} bitmaps, and this one needs more: make it narrower, or index the column as numbers`,
        );
      }
      return true;
    });
  }
  return bitmaps;
}
