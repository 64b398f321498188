import { readFileSync } from 'node:fs';
import { RoaringBitmap32 } from 'roaring';
import type { Tree } from '../../src/bitmap/tree';

/** The rows that a tree stands for, by another library and with intermediate bitmaps. */
export function rowsOfTree(tree: Tree, path: string, rowCount: number): number[] {
  const file = readFileSync(path);
  const all = RoaringBitmap32.fromRange(0, rowCount);
  const rows = (one: Tree): RoaringBitmap32 => {
    switch (one.kind) {
      case 'all':
        return all;
      case 'none':
        return new RoaringBitmap32();
      case 'bitmap':
        return RoaringBitmap32.deserialize(file.subarray(one.ref.offset, one.ref.offset + one.ref.length), 'portable');
      case 'and':
        return one.parts.map(rows).reduce((a, b) => RoaringBitmap32.and(a, b), all);
      case 'or':
        return one.parts.map(rows).reduce((a, b) => RoaringBitmap32.or(a, b), new RoaringBitmap32());
      case 'minus':
        return RoaringBitmap32.andNot(rows(one.from), rows(one.what));
    }
  };
  return rows(tree).toArray();
}
