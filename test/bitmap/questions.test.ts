import fc from 'fast-check';
import type { Expression } from '../../src/bitmap/contract';
import { Blocks } from '../../src/bitmap/directory/blocks';
import { bind } from '../../src/bitmap/expression/bind';
import { questionOfObject } from '../../src/bitmap/expression/objects';
import type { Question } from '../../src/bitmap/expression/question';
import { questionOf } from '../../src/bitmap/expression/text';
import { decodeColumns, decodeHeader, HEADER_LENGTH } from '../../src/bitmap/format';
import { resolve } from '../../src/bitmap/resolve';
import type { Tree } from '../../src/bitmap/tree';
import { open } from '../../src/index';
import { bytesByRead, TestFiles } from '../files';
import { expressions, tables, textOf } from './expressions';
import { type TableColumn, writeIndex } from './index-file';
import { naiveRows } from './naive';
import { rowsOfTree } from './rows-of-tree';

const files = TestFiles.make();

/** From a question to the tree that a scan evaluates, at once where that can be and otherwise with waiting. */
async function treeOf(question: Question, path: string, now: boolean): Promise<Tree> {
  const file = await open(path);
  try {
    const header = decodeHeader(bytesByRead(path, 0, HEADER_LENGTH), file.size);
    const columns = decodeColumns(bytesByRead(path, header.tableOffset, header.tableLength), header);
    const bound = bind(question, new Map(columns.map((column) => [column.name, column])), (message, at) => {
      throw new Error(`${message} (${at})`);
    });
    const blocks = new Blocks(file, header);
    return (now ? blocks.runNow(resolve(bound)) : undefined) ?? (await blocks.run(resolve(bound)));
  } finally {
    await file.close();
  }
}

async function rowsOf(question: Question, path: string, table: readonly TableColumn[], now = false): Promise<number[]> {
  const rowCount = table[0]?.values.length ?? 0;
  return rowsOfTree(await treeOf(question, path, now), path, rowCount);
}

test('any expression over any table takes the rows that SQL takes, nulls included', async () => {
  await fc.assert(
    fc.asyncProperty(
      tables,
      fc.array(expressions, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 2, max: 6 }),
      fc.boolean(),
      async (table, wheres, entriesInABlock, now) => {
        const path = writeIndex(files.path('random'), table, { entriesInABlock });
        for (const where of wheres) {
          const expected = naiveRows(where, table, table[0]?.values.length ?? 0);
          expect(await rowsOf(questionOfObject(where), path, table, now)).toEqual(expected);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('an expression means the same as an object and as a text', async () => {
  await fc.assert(
    fc.asyncProperty(tables, expressions, async (table, where: Expression) => {
      const text = textOf(where);
      if (text === undefined) return;
      const path = writeIndex(files.path('random'), table);
      expect(await rowsOf(questionOf(text), path, table)).toEqual(await rowsOf(questionOfObject(where), path, table));
    }),
    { numRuns: 300 },
  );
});
