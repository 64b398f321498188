import type { Block } from './directory/block';
import { Blocks } from './directory/blocks';
import { checkedBlock } from './directory/directory';
import type { Search } from './directory/search';
import type { Edition } from './edition';
import { type BitmapRef, BLOCK, type Column, type Directory, Malformed, type Slices } from './format';
import { readColumns, readingLater } from './reading';
import { existsOf } from './resolve';
import type { ScanOptions } from './scanner';

/** Bitmaps that are checked at a time. */
const AT_A_TIME = 32;

/** Reads all of an index, and checks whatever can be: checksums, bitmaps, directories from top to bottom, and what is said twice. */
export async function verifyEdition(edition: Edition, options: ScanOptions): Promise<void> {
  const { file, columns } = edition;
  await readColumns(file, options.signal);
  await readingLater(file.path, async () => {
    for (const column of columns) {
      if (column.exists) await edition.scanner.check(column.exists, options);
      if (column.slices) await verifySlices(edition, column, column.slices, options);
      if (column.directory) await verifyDirectory(edition, column, column.directory, options);
    }
  });
}

async function verifySlices(edition: Edition, column: Column, { bits, min, max }: Slices, options: ScanOptions): Promise<void> {
  if (bits.length === 0) return;
  const { scanner, header } = edition;
  await checkAll(edition, bits, options);
  const exists = existsOf(column);
  const counts = await scanner.counts(exists, bits, options);
  const name = JSON.stringify(column.name);
  for (const [i, { cardinality, offset }] of bits.entries()) {
    if (counts[i] !== cardinality) throw new Malformed(`slice ${i} of column ${name} has rows that are null`, offset);
  }
  const least = await scanner.extreme(exists, bits, 'min', options);
  const greatest = await scanner.extreme(exists, bits, 'max', options);
  if (least !== min || greatest !== max) {
    throw new Malformed(`column ${name} goes from ${least} to ${greatest}, but was said to go from ${min} to ${max}`, header.tableOffset);
  }
}

async function verifyDirectory(edition: Edition, column: Column, directory: Directory, options: ScanOptions): Promise<void> {
  const { tableOffset, rowCount } = edition.header;
  const name = JSON.stringify(column.name);
  let leaves = 0;
  let values = 0;
  let rows = 0;
  let bitmaps: BitmapRef[] = [];
  let last: Block | undefined;
  for await (const leaf of leavesOf(edition, directory, options)) {
    if (leaf.offset !== directory.firstLeaf + leaves * BLOCK)
      throw new Malformed(`a leaf of column ${name} is not in its place`, leaf.offset);
    if (last !== undefined && leaf.compare(0, last.key(last.count - 1)) <= 0) {
      throw new Malformed(`the keys of column ${name} do not ascend from leaf to leaf`, leaf.offset);
    }
    for (let i = 0; i < leaf.count; i++) {
      const bitmap = leaf.bitmap(i);
      rows += bitmap.cardinality;
      bitmaps.push(bitmap);
    }
    leaves++;
    values += leaf.count;
    last = leaf;
    if (bitmaps.length >= AT_A_TIME) {
      await checkAll(edition, bitmaps, options);
      bitmaps = [];
    }
  }
  await checkAll(edition, bitmaps, options);
  const wrong =
    leaves !== directory.leafCount
      ? `${leaves} leaves, but was said to have ${directory.leafCount}`
      : values !== directory.valueCount
        ? `${values} values, but was said to have ${directory.valueCount}`
        : rows !== rowCount - column.nulls
          ? `${rows} rows with a value, but was said to have ${rowCount - column.nulls}`
          : undefined;
  if (wrong !== undefined) throw new Malformed(`column ${name} has ${wrong}`, tableOffset);
}

async function checkAll(edition: Edition, bitmaps: readonly BitmapRef[], options: ScanOptions): Promise<void> {
  for (let from = 0; from < bitmaps.length; from += AT_A_TIME) {
    await Promise.all(bitmaps.slice(from, from + AT_A_TIME).map((bitmap) => edition.scanner.check(bitmap, options)));
  }
}

/** The leaves from the first to the last, as the blocks above lead to them. */
async function* leavesOf(edition: Edition, directory: Directory, options: ScanOptions): AsyncGenerator<Block> {
  // Of its own, for what is kept has not been read now.
  const reader = new Blocks(edition.file, edition.header);
  const below = async function* (ways: readonly { offset: number; first: Buffer | undefined }[], level: number): AsyncGenerator<Block> {
    const blocks = await reader.run(read(ways.map(({ offset }) => offset)), options);
    for (const [i, way] of ways.entries()) checkedBlock(blocks[i] as Block, way.first, level === 1);
    if (level === 1) {
      yield* blocks;
      return;
    }
    for (const block of blocks) {
      const children = Array.from({ length: block.count }, (_, i) => ({ offset: block.child(i), first: block.key(i) }));
      yield* below(children, level - 1);
    }
  };
  if (directory.height > 0) yield* below([{ offset: directory.root, first: undefined }], directory.height);
}

function* read(offsets: readonly number[]): Search<readonly Block[]> {
  return yield offsets;
}
