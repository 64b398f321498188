import { type MappedFile, open } from '../../src/index';
import { MiB, pattern, TestFiles } from '../files';
import { untilAnswered } from '../reading';

const files = TestFiles.make();
const SIZE = 36 * MiB + 55;
const content = pattern(SIZE);
const path = files.write('file', content);
let file: MappedFile;

beforeEach(async () => {
  file = await open(path);
});
afterEach(() => file.close());

test('scatters bytes from several positions into several views', async () => {
  const into = [Buffer.alloc(10), Buffer.alloc(5000), Buffer.alloc(1), Buffer.alloc(100_000)];
  const positions = [SIZE - 10, 4090, 0, 33 * MiB];
  const count = await untilAnswered(
    () => file.tryRead(into, positions),
    () => file.getRanges(into.map((view, i) => ({ offset: positions[i] ?? 0, length: view.length }))).arrived,
  );
  expect(count).toBe(10 + 5000 + 1 + 100_000);
  for (const [i, view] of into.entries()) {
    const position = positions[i] ?? 0;
    expect(view.equals(content.subarray(position, position + view.length))).toBe(true);
  }
});

test.each([
  ['a Uint8Array in the middle of its buffer', (buffer: ArrayBuffer | SharedArrayBuffer) => new Uint8Array(buffer, 16, 48)],
  ['a DataView', (buffer: ArrayBuffer | SharedArrayBuffer) => new DataView(buffer, 16, 48)],
  ['a Float64Array', (buffer: ArrayBuffer | SharedArrayBuffer) => new Float64Array(buffer, 16, 6)],
  ['a BigInt64Array', (buffer: ArrayBuffer | SharedArrayBuffer) => new BigInt64Array(buffer, 16, 6)],
  ['an Int16Array', (buffer: ArrayBuffer | SharedArrayBuffer) => new Int16Array(buffer, 16, 24)],
])('fills %s and nothing around it', async (_, viewOf) => {
  for (const buffer of [new ArrayBuffer(80), new SharedArrayBuffer(80)]) {
    const all = new Uint8Array(buffer).fill(0xee);
    const view = viewOf(buffer);
    const count = await untilAnswered(
      () => file.tryRead([view], [1001]),
      () => file.read([Buffer.alloc(48)], [1001]),
    );
    expect(count).toBe(48);
    expect(Buffer.from(all.slice(16, 64)).equals(content.subarray(1001, 1049))).toBe(true);
    expect(Buffer.from(all.slice(0, 16)).equals(Buffer.alloc(16, 0xee))).toBe(true);
    expect(Buffer.from(all.slice(64)).equals(Buffer.alloc(16, 0xee))).toBe(true);
    all.fill(0xee);
    expect(await file.read([view], [2002])).toBe(48);
    expect(Buffer.from(all.slice(16, 64)).equals(content.subarray(2002, 2050))).toBe(true);
    expect(all[15]).toBe(0xee);
    expect(all[64]).toBe(0xee);
  }
});

test('is all or nothing: where one position is missing, no view is touched', async () => {
  const hole = await open(files.sparse('hole', 8 * MiB, [{ offset: 0, content: Buffer.alloc(4096, 'x') }]));
  await hole.getPages([0]).arrived;
  const into = [Buffer.alloc(8, 'u'), Buffer.alloc(8, 'v')];
  // Page 1,000 was never read by anybody, so it is in no cache.
  expect(hole.tryRead(into, [0, 1000 * hole.pageSize])).toBeUndefined();
  expect(into.map(String)).toEqual(['uuuuuuuu', 'vvvvvvvv']);
  await hole.close();
});

test('empty views take nothing and are answered at once', () => {
  expect(file.tryRead([], [])).toBe(0);
  expect(file.tryRead([Buffer.alloc(0), Buffer.alloc(0)], [SIZE, 5])).toBe(0);
});

test('takes the same view twice: the later entry wins where they overlap', async () => {
  const buffer = Buffer.alloc(20);
  const into = [buffer.subarray(0, 15), buffer.subarray(5, 20)];
  const count = await untilAnswered(
    () => file.tryRead(into, [0, 100]),
    () => file.getRanges([{ offset: 0, length: 200 }]).arrived,
  );
  expect(count).toBe(30);
  expect(buffer.equals(Buffer.concat([content.subarray(0, 5), content.subarray(100, 115)]))).toBe(true);
});
