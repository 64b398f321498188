import type { KeyBound } from '../expression/bound';
import { type BitmapRef, BLOCK, type Directory, Malformed } from '../format';
import type { Block } from './block';
import { PAUSE, type Search } from './search';

/** Keys that are searched for in one pass: as many blocks of a level may be in memory. */
const KEYS_IN_A_PASS = 512;

/** Leaves that are read at once. */
const LEAVES_AT_ONCE = 128;

/** Leaves whose entries are looked at before there is a pause. */
const LEAVES_IN_A_SLICE = 4;

/** A place between the entries of the leaves: before entry `entry` of leaf `leaf`. */
export interface Position {
  readonly leaf: number;
  readonly entry: number;
}

/** A value of a directory. */
export interface Entry {
  readonly key: Buffer;
  readonly bitmap: BitmapRef;
}

/** A block to go to, the key that its parent says it begins with, and which of the keys are sought below it. */
interface Way {
  readonly offset: number;
  readonly first: Buffer | undefined;
  readonly from: number;
  readonly to: number;
}

/** The bitmaps of keys, which ascend; undefined for one that is not in the directory. One vector of blocks a level. */
export function* findKeys(directory: Directory, keys: readonly Buffer[]): Search<(BitmapRef | undefined)[]> {
  const found: (BitmapRef | undefined)[] = [];
  for (let from = 0; from < keys.length; from += KEYS_IN_A_PASS) {
    const pass = keys.slice(from, from + KEYS_IN_A_PASS);
    const bitmaps = new Array<BitmapRef | undefined>(pass.length).fill(undefined);
    for (const [block, first, last] of yield* descend(directory, pass)) {
      for (let i = first; i < last; i++) {
        const key = pass[i] as Buffer;
        const entry = block.find(key);
        if (entry >= 0 && block.compare(entry, key) === 0) bitmaps[i] = block.bitmap(entry);
      }
    }
    for (const bitmap of bitmaps) found.push(bitmap);
    if (from + KEYS_IN_A_PASS < keys.length) yield PAUSE;
  }
  return found;
}

/** Where a range begins and ends among the entries. */
export function* findRange(directory: Directory, from: KeyBound | undefined, to: KeyBound | undefined): Search<[Position, Position]> {
  const start = { leaf: 0, entry: 0 };
  const end = { leaf: directory.leafCount, entry: 0 };
  const bounds = [from, to].filter((bound) => bound !== undefined);
  if (directory.height === 0 || bounds.length === 0) return [start, end];
  const positions = bounds.map(() => start as Position);
  for (const [block, first, last] of yield* descend(
    directory,
    bounds.map(({ key }) => key),
  )) {
    for (let i = first; i < last; i++) {
      const { key, inclusive } = bounds[i] as KeyBound;
      const entry = block.find(key);
      const same = entry >= 0 && block.compare(entry, key) === 0;
      // A range begins before its key when that belongs to it, and ends behind it.
      const before = same && inclusive === (bounds[i] === from);
      positions[i] = { leaf: leafOf(directory, block), entry: before ? entry : entry + 1 };
    }
  }
  const [one, other] = positions;
  return [from === undefined ? start : (one as Position), to === undefined ? end : ((from === undefined ? one : other) as Position)];
}

/** The entries between two positions, a leaf's at a time and for as long as `take` wants more. */
export function* entriesBetween(
  directory: Directory,
  from: Position,
  to: Position,
  take: (entries: readonly Entry[], leaf: Block) => boolean,
): Search<void> {
  let last: Block | undefined;
  const end = to.entry > 0 ? to.leaf + 1 : to.leaf;
  let atOnce = 1;
  for (let leaf = from.leaf; leaf < end; ) {
    const count = Math.min(atOnce, end - leaf);
    const blocks = yield Array.from({ length: count }, (_, i) => directory.firstLeaf + (leaf + i) * BLOCK);
    for (const [i, block] of blocks.entries()) {
      if (!block.leaf) throw new Malformed('a leaf of a directory is none', block.offset);
      if (last !== undefined && block.compare(0, last.key(last.count - 1)) <= 0) {
        throw new Malformed('the keys of a leaf of a directory do not follow those of the one before', block.offset);
      }
      last = block;
      const first = leaf + i === from.leaf ? from.entry : 0;
      const behind = leaf + i === to.leaf ? Math.min(to.entry, block.count) : block.count;
      const entries: Entry[] = [];
      for (let entry = first; entry < behind; entry++) entries.push({ key: block.key(entry), bitmap: block.bitmap(entry) });
      if (!take(entries, block)) return;
      if (i % LEAVES_IN_A_SLICE === LEAVES_IN_A_SLICE - 1) yield PAUSE;
    }
    leaf += count;
    // A few are often enough; many are read many at a time.
    atOnce = Math.min(LEAVES_AT_ONCE, atOnce * 4);
  }
}

/** From the root to the leaves, for all keys at once: each leaf that was come to, and the keys `from` to `to` that may be in it. */
function* descend(directory: Directory, keys: readonly Buffer[]): Search<[Block, number, number][]> {
  if (directory.height === 0) return [];
  let ways: Way[] = [{ offset: directory.root, first: undefined, from: 0, to: keys.length }];
  for (let level = directory.height - 1; level > 0; level--) {
    const blocks = yield ways.map(({ offset }) => offset);
    const next: Way[] = [];
    for (const [i, way] of ways.entries()) {
      const block = checkedBlock(blocks[i] as Block, way.first, false);
      for (let from = way.from; from < way.to; ) {
        // A key before the first is looked for where it would stand.
        const entry = Math.max(0, block.find(keys[from] as Buffer));
        let to = from + 1;
        while (to < way.to && (entry + 1 === block.count || block.compare(entry + 1, keys[to] as Buffer) > 0)) to++;
        const offset = block.child(entry);
        if (level === 1 && !isLeaf(directory, offset))
          throw new Malformed('a block of a directory points outside of its leaves', block.offset);
        next.push({ offset, first: block.key(entry), from, to });
        from = to;
      }
    }
    ways = next;
  }
  const blocks = yield ways.map(({ offset }) => offset);
  return ways.map((way, i) => [checkedBlock(blocks[i] as Block, way.first, true), way.from, way.to]);
}

/** That a block is what the one above it says: a leaf or not, and with which key it begins. Throws Malformed. */
export function checkedBlock(block: Block, first: Buffer | undefined, leaf: boolean): Block {
  if (block.leaf !== leaf)
    throw new Malformed(`a block of a directory is ${leaf ? 'inner' : 'a leaf'} where the other kind must be`, block.offset + 4);
  if (first !== undefined && block.compare(0, first) !== 0) {
    throw new Malformed('a block of a directory does not begin with the key that the one above it has for it', block.offset);
  }
  return block;
}

function isLeaf({ firstLeaf, leafCount }: Directory, offset: number): boolean {
  const distance = offset - firstLeaf;
  return distance >= 0 && distance % BLOCK === 0 && distance / BLOCK < leafCount;
}

function leafOf(directory: Directory, block: Block): number {
  if (!isLeaf(directory, block.offset)) throw new Malformed('the root of a directory is a leaf, and not its first', block.offset);
  return (block.offset - directory.firstLeaf) / BLOCK;
}
