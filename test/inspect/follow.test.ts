import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { follow, open, type Round, residencyOf } from '../../src/index';
import { expectRejected, expectThrown } from '../failures';
import { pattern, TestFiles } from '../files';
import { all } from './collecting';

const files = TestFiles.make();
const PAGE = 4096;

async function rounds(count: number, iterable: AsyncIterable<Round>, each?: (round: number) => void | Promise<void>): Promise<Round[]> {
  const list: Round[] = [];
  for await (const round of iterable) {
    list.push(round);
    if (list.length === count) break;
    await each?.(list.length);
  }
  return list;
}

test('yields the same files again and again, with what came in between', async () => {
  const path = files.sparse('sparse', 100 * PAGE);
  const other = files.sparse('other', 3 * PAGE);
  const file = await open(path);
  const list = await rounds(4, follow([path, other], { interval: 10, share: 1, cells: 4 }), async (round) => {
    await file.lock([{ first: 0, count: round * 10 }]);
  });
  expect(list.map((round) => round.files.map((one) => one.path))).toEqual(Array.from({ length: 4 }, () => [path, other]));
  for (const [i, { files: found, totals, time }] of list.entries()) {
    expect(found[0]?.residentBytes).toBeGreaterThanOrEqual(i * 10 * PAGE);
    expect([...((found[0] as { cells: Float64Array }).cells as Float64Array)].reduce((sum, bytes) => sum + bytes)).toBe(
      found[0]?.residentBytes,
    );
    expect(found[1]?.cells).toHaveLength(3);
    expect(totals).toMatchObject({ files: 2, size: 103 * PAGE });
    expect(Math.abs(time - Date.now())).toBeLessThan(3_600_000);
  }
  await file.close();
});

test('a file that vanishes is told in its place', async () => {
  const folder = files.path('folder');
  mkdirSync(folder);
  for (const name of ['a', 'b', 'c']) writeFileSync(join(folder, name), pattern(PAGE));
  const list = await rounds(3, follow(folder, { interval: 10, share: 1 }), () => {
    try {
      unlinkSync(join(folder, 'b'));
    } catch {}
  });
  const [before, , after] = list.map((round) => round.files);
  expect(after?.map(({ path }) => path)).toEqual(before?.map(({ path }) => path));
  expect(after?.find(({ path }) => path === join(folder, 'b'))?.error).toMatchObject({ code: 'IO', errno: 2 });
});

test('more files than are allowed are refused', async () => {
  const folder = files.path('many');
  mkdirSync(folder);
  for (let i = 0; i < 11; i++) writeFileSync(join(folder, `${i}`), '');
  await expectRejected('LIMIT', all(follow(folder, { mostFiles: 10 })));
});

test('cancelling ends it with the reason, in a pause too', async () => {
  const reason = new Error('enough');
  const controller = new AbortController();
  const path = files.sparse('cancelled', PAGE);
  const work = (async () => {
    for await (const round of follow(path, { interval: 1_000_000, signal: controller.signal })) {
      expect(round.files).toHaveLength(1);
      setTimeout(() => controller.abort(reason), 5);
    }
  })();
  await expect(work).rejects.toBe(reason);
});

test('wrong arguments throw at once', () => {
  for (const options of [null, { cells: 0 }, { interval: 1 }, { share: 0 }, { share: 2 }, { mostFiles: 0 }, { include: [1] }]) {
    expectThrown('INVALID_ARGUMENT', () => follow('a', options as never));
  }
  expectThrown('INVALID_ARGUMENT', () => follow(5 as never));
  for (const range of [null, {}, { offset: -1, length: 1 }, { offset: 0, length: 0.5 }]) {
    expectThrown('INVALID_ARGUMENT', () => residencyOf('a', range as never));
  }
});

test('residencyOf maps a file, or a range of it as far as the file goes', async () => {
  const path = files.sparse('mapped', 50 * PAGE + 1);
  const file = await open(path);
  await file.lock([10, 50]);
  const whole = await residencyOf(path);
  expect(whole).toMatchObject({ size: 50 * PAGE + 1, residentBytes: PAGE + 1, unknownBytes: 0 });
  const part = await residencyOf(path, { offset: 10 * PAGE + 5, length: 100 * PAGE });
  expect([...part.runs]).toEqual([
    { offset: 10 * PAGE + 5, length: PAGE - 5, state: 'resident' },
    { offset: 11 * PAGE, length: 39 * PAGE, state: 'missing' },
    { offset: 50 * PAGE, length: 1, state: 'resident' },
  ]);
  expect([...(await residencyOf(path, { offset: 2 ** 40, length: 5 })).runs]).toEqual([]);
  await expectRejected('IO', residencyOf(files.path('none')));
  await expectRejected('UNSUPPORTED', residencyOf(files.folder));
  await expectRejected('UNSUPPORTED', residencyOf('/proc/self/maps'));
  await file.close();
});
