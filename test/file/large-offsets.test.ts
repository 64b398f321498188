import { type MappedFile, open } from '../../src/index';
import { bytesByRead, GiB, LARGEST_ENTRY, MiB, pattern, TestFiles, TiB } from '../files';
import { readPage, readRange, untilAnswered } from '../reading';

const files = TestFiles.make();
const SIZE = 15 * TiB + 1234;

/** Where 32 bits, or 31, or a number of pages in so many bits, would go wrong; and both ends. */
const PLACES = [0, 64 * MiB, 2 * GiB, 4 * GiB, 8 * GiB, 16 * GiB, TiB, 8 * TiB, SIZE].filter((place) => place <= SIZE);
const MARK = 3 * 4096;

let file: MappedFile;
let path: string;

beforeAll(async () => {
  const marks = PLACES.map((place, i) => {
    const offset = Math.min(Math.max(place - MARK / 2, 0), SIZE - MARK);
    return { offset, content: pattern(MARK, i + 1) };
  });
  path = files.sparse('sparse', SIZE, marks);
  file = await open(path);
});
afterAll(() => file.close());

test('a file of 15 TiB opens with its size and its number of pages', () => {
  expect(file.size).toBe(SIZE);
  expect(file.pageCount).toBe(15 * 2 ** 28 + 1);
});

describe.each(PLACES)('around byte %i', (place) => {
  const start = Math.min(Math.max(place - 2 * MARK, 0), SIZE - 4 * MARK);

  test('pages hold what an ordinary read finds', async () => {
    const first = Math.floor(start / 4096);
    const pages = Array.from({ length: 13 }, (_, i) => first + i).filter((page) => page < file.pageCount);
    for (const page of pages) {
      expect((await readPage(file, page)).equals(bytesByRead(path, page * 4096, 4096))).toBe(true);
    }
    const run = { first, count: pages.length };
    const set = file.getPages([run]);
    await set.arrived;
    expect((await readRange(file, first * 4096, 4096)).equals(bytesByRead(path, first * 4096, 4096))).toBe(true);
  });

  test('ranges across it hold what an ordinary read finds', async () => {
    for (const [before, length] of [
      [0, 1],
      [1, 2],
      [4097, 8195],
      [MARK, 3 * MARK],
    ] as const) {
      const offset = Math.min(Math.max(place - before, 0), SIZE - length);
      const expected = bytesByRead(path, offset, length);
      expect((await readRange(file, offset, length)).equals(expected)).toBe(true);
      const view = await untilAnswered(
        () => file.tryRange(offset, length),
        () => file.getRanges([{ offset, length }]).arrived,
      );
      expect(expected.equals(view)).toBe(true);
      const into = Buffer.alloc(length);
      expect(await file.read([into], [offset])).toBe(length);
      expect(into.equals(expected)).toBe(true);
      const again = Buffer.alloc(length);
      await untilAnswered(
        () => file.tryRead([again], [offset]),
        () => file.getRanges([{ offset, length }]).arrived,
      );
      expect(again.equals(expected)).toBe(true);
    }
  });

  test('16 MiB across it are one view', async () => {
    const offset = Math.min(Math.max(place - LARGEST_ENTRY / 2 - 3, 0), SIZE - LARGEST_ENTRY);
    expect((await readRange(file, offset, LARGEST_ENTRY)).equals(bytesByRead(path, offset, LARGEST_ENTRY))).toBe(true);
  });
});

test('the marks differ, so that a place taken for another would be seen', async () => {
  const seen = new Set<string>();
  for (const place of PLACES) {
    const offset = Math.min(Math.max(place - MARK / 2, 0), SIZE - MARK);
    seen.add((await readRange(file, offset, MARK)).toString('latin1'));
  }
  expect(seen.size).toBe(PLACES.length);
});

test('one vector reaches every place', async () => {
  const ranges = PLACES.map((place) => ({ offset: Math.min(Math.max(place - MARK / 2, 0), SIZE - MARK), length: MARK }));
  const into = ranges.map(() => Buffer.alloc(MARK));
  expect(
    await file.read(
      into,
      ranges.map(({ offset }) => offset),
    ),
  ).toBe(MARK * ranges.length);
  for (const [i, view] of into.entries()) expect(view.equals(pattern(MARK, i + 1))).toBe(true);
});

test('a residency range deep in the file is a map of that range', async () => {
  const map = await file.residency({ offset: 14 * TiB, length: 64 * MiB });
  const runs = [...map.runs];
  expect(runs[0]?.offset).toBe(14 * TiB);
  expect(runs.reduce((sum, { length }) => sum + length, 0)).toBe(64 * MiB);
});
