import { NofaultError } from '../errors';
import { CODE } from '../native/bitmap';
import { allOf, anyOf, NONE, without } from './combine';
import type { BitmapRef } from './format';
import type { Tree } from './tree';

/** A tree that is nested deeper is refused: each level may take stack and memory. */
export const DEEPEST = 256;

/** A tree as the addon reads it, and the bitmaps that it numbers. */
export interface Program {
  readonly code: Uint32Array;
  readonly refs: readonly BitmapRef[];
}

/** The same rows, without what is everywhere the same: `all` stands alone, or something is taken from it. Throws `LIMIT` when the tree is too deep. */
export function simplified(tree: Tree, depth = 0): Tree {
  if (depth > DEEPEST) throw new NofaultError('LIMIT', `an expression may be nested ${DEEPEST} deep at most`);
  switch (tree.kind) {
    case 'bitmap':
      return tree.ref.containers === 0 ? NONE : tree;
    case 'and':
      return allOf(tree.parts.map((part) => simplified(part, depth + 1)));
    case 'or':
      return anyOf(tree.parts.map((part) => simplified(part, depth + 1)));
    case 'minus':
      return without(simplified(tree.from, depth + 1), simplified(tree.what, depth + 1));
    default:
      return tree;
  }
}

/** The program of a simplified tree. `extras` are further bitmaps, which get the numbers that are returned. */
export function compile(tree: Tree, extras: readonly BitmapRef[] = []): Program & { extras: Uint32Array } {
  const code: number[] = [];
  const refs: BitmapRef[] = [];
  const numbers = new Map<number, number>();
  const numberOf = (ref: BitmapRef): number => {
    const known = numbers.get(ref.offset);
    if (known !== undefined && (refs[known] as BitmapRef).length === ref.length) return known;
    numbers.set(ref.offset, refs.length);
    return refs.push(ref) - 1;
  };
  const write = (node: Tree): void => {
    switch (node.kind) {
      case 'all':
        code.push(CODE.all);
        break;
      case 'none':
        throw new TypeError('a tree without rows has no program');
      case 'bitmap':
        code.push(CODE.bitmap, numberOf(node.ref));
        break;
      case 'minus':
        code.push(CODE.minus);
        write(node.from);
        write(node.what);
        break;
      default:
        code.push(CODE[node.kind], node.parts.length);
        for (const part of node.parts) write(part);
    }
  };
  write(tree);
  const added = Uint32Array.from(extras, numberOf);
  return { code: Uint32Array.from(code), refs, extras: added };
}
