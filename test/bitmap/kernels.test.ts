import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { BitmapRef } from '../../src/bitmap/format';
import type { Tree } from '../../src/bitmap/tree';
import { runProgram } from '../child';
import { TestFiles } from '../files';
import { bitmapOf, expected, FILLS, Random, writeBitmaps } from './bitmap-file';

const files = TestFiles.make();
const rowCount = 2 * FILLS.length * 65_536 - 99;

/** What one side of a pair of bitmaps has, chunk by chunk, so that over some pairs each form meets each. */
function shifted(by: number): (typeof FILLS)[number][] {
  return Array.from({ length: 2 * FILLS.length }, (_, chunk) => FILLS[(chunk + by) % FILLS.length] as (typeof FILLS)[number]);
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test.each(['portable', 'avx2', 'avx512'])(
  'what is combined is the same with %s kernels, or with the best below where the machine has none',
  async (level) => {
    const random = new Random(11);
    const bitmaps = FILLS.map((_, by) => bitmapOf(shifted(by), rowCount, random));
    const path = files.path(`bitmaps ${level}`);
    const refs = writeBitmaps(path, bitmaps);
    const known = new Map(refs.map((ref, i) => [ref.offset, bitmaps[i] as (typeof bitmaps)[number]]));
    const leaf = (i: number): Tree => ({ kind: 'bitmap', ref: refs[i % refs.length] as BitmapRef });
    const trees = refs.flatMap((_, i): Tree[] => [
      { kind: 'and', parts: [leaf(0), leaf(i)] },
      { kind: 'or', parts: [leaf(0), leaf(i)] },
      { kind: 'minus', from: leaf(0), what: leaf(i) },
      { kind: 'minus', from: { kind: 'and', parts: [{ kind: 'or', parts: [leaf(i), leaf(i + 1)] }, leaf(i + 2)] }, what: leaf(i + 3) },
      {
        kind: 'minus',
        from: { kind: 'all' },
        what: { kind: 'or', parts: [leaf(i), { kind: 'minus', from: leaf(i + 4), what: leaf(i + 5) }] },
      },
    ]);
    const questions = files.path(`questions ${level}`);
    writeFileSync(questions, JSON.stringify({ rowCount, trees }));
    process.env.NOFAULT_KERNELS = level;
    const running = runProgram('scan-with-kernels.cjs', [path, questions]);
    delete process.env.NOFAULT_KERNELS;
    const { stdout, stderr } = await running;
    expect(stderr).toBe('');
    const answers = JSON.parse(stdout) as unknown[];
    for (const [i, tree] of trees.entries()) {
      const right = expected(tree, rowCount, known);
      right.runOptimize();
      const rows = right.toUint32Array();
      expect(answers[i]).toEqual({
        count: right.size,
        rows: hash(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength)),
        bitmap: hash(right.serialize('portable')),
      });
    }
  },
);
