import { NofaultError } from '../errors';
import { ALL, allOf } from './combine';
import type { Block } from './directory/block';
import { type Entry, entriesBetween } from './directory/directory';
import type { Asked, Edition } from './edition';
import { numberOfKey } from './expression/values';
import { type Column, type Directory, Malformed } from './format';
import { readingLater } from './reading';
import { existsOf } from './resolve';
import type { ScanOptions } from './scanner';
import type { Tree } from './tree';

/** Leaves of a directory whose values are counted in one scan. */
const MOST_LEAVES = 16;

/** The sum of a column over the rows of an expression; without one over all. */
export async function sumOf(edition: Edition, name: string, asked: Asked | undefined, options: ScanOptions): Promise<bigint> {
  const column = numeric(edition, name);
  const where = asked === undefined ? ALL : await edition.tree(asked, options);
  if (where.kind === 'none') return 0n;
  const { scanner } = edition;
  if (column.slices) {
    const { bits } = column.slices;
    const counts = where.kind === 'all' ? bits.map(({ cardinality }) => cardinality) : await scanner.counts(where, bits, options);
    return counts.reduce((sum, count, i) => sum + BigInt(count) * (i === bits.length - 1 ? -1n : 1n) * (1n << BigInt(i)), 0n);
  }
  let sum = 0n;
  await eachGroup(edition, column, false, options, async (entries) => {
    const counts = await countsOf(edition, where, entries, options);
    for (const [i, { key }] of entries.entries()) sum += numberOfKey(key) * BigInt(counts[i] as number);
    return true;
  });
  return sum;
}

/** The least or greatest value of a column over the rows of an expression, undefined where there is none. */
export async function extremeOf(
  edition: Edition,
  name: string,
  which: 'min' | 'max',
  asked: Asked | undefined,
  options: ScanOptions,
): Promise<bigint | undefined> {
  const column = numeric(edition, name);
  const where = asked === undefined ? ALL : await edition.tree(asked, options);
  if (where.kind === 'none') return undefined;
  if (column.slices) {
    const { bits } = column.slices;
    if (bits.length === 0) return undefined;
    if (where.kind === 'all') return column.slices[which];
    return edition.scanner.extreme(allOf([where, existsOf(column)]), bits, which, options);
  }
  let extreme: bigint | undefined;
  await eachGroup(edition, column, which === 'max', options, async (entries) => {
    const counts = await countsOf(edition, where, entries, options);
    const at = which === 'min' ? counts.findIndex((count) => count > 0) : counts.findLastIndex((count) => count > 0);
    if (at >= 0) extreme = numberOfKey((entries[at] as Entry).key);
    return at < 0;
  });
  return extreme;
}

function numeric(edition: Edition, name: string): Column {
  const column = edition.column(name);
  if (column.type !== 'string' && column.type !== 'boolean') return column;
  throw new NofaultError(
    'BAD_EXPRESSION',
    `column ${JSON.stringify(name)} is of type ${column.type}: only integers, decimals and dates have a sum, a least and a greatest value`,
  );
}

function countsOf(edition: Edition, where: Tree, entries: readonly Entry[], options: ScanOptions): Promise<number[]> | number[] {
  const bitmaps = entries.map(({ bitmap }) => bitmap);
  return where.kind === 'all' ? bitmaps.map(({ cardinality }) => cardinality) : edition.scanner.counts(where, bitmaps, options);
}

/** All values of a directory with their bitmaps, ascending within a group; groups follow one another in either direction for as long as `take` wants more. */
async function eachGroup(
  edition: Edition,
  column: Column,
  descending: boolean,
  options: ScanOptions,
  take: (entries: readonly Entry[]) => Promise<boolean>,
): Promise<void> {
  const directory = column.directory as Directory;
  const { leafCount, height } = directory;
  if (height === 0) return;
  for (let done = 0, size = 1; done < leafCount; ) {
    const count = Math.min(size, leafCount - done);
    const first = descending ? leafCount - done - count : done;
    const entries: Entry[] = [];
    const collect = (more: readonly Entry[], leaf: Block): boolean => {
      for (const entry of more) {
        if (entry.key.length !== 8) throw new Malformed('the key of a number has not 8 bytes', leaf.offset);
        entries.push(entry);
      }
      return true;
    };
    const search = entriesBetween(directory, { leaf: first, entry: 0 }, { leaf: first + count, entry: 0 }, collect);
    await readingLater(edition.file.path, () => edition.blocks.run(search, options));
    if (!(await take(entries))) return;
    done += count;
    // An end is mostly found in the first leaf; a sum needs all.
    size = Math.min(MOST_LEAVES, size * 2);
  }
}
