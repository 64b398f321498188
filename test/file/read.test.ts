import { type MappedFile, open } from '../../src/index';
import { expectRejected } from '../failures';
import { evictUnmapped, GiB, MiB, pattern, TestFiles } from '../files';
import { untilAnswered } from '../reading';

const files = TestFiles.make();
const SIZE = 36 * MiB + 55;
const content = pattern(SIZE);
const path = files.write('file', content);
let file: MappedFile;

beforeEach(async () => {
  evictUnmapped(path);
  file = await open(path);
});
afterEach(() => file.close());

/** Detaches the view's memory, as posting it to a worker would. */
function transfer(view: Uint8Array): void {
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
}

test('reads from several positions into several views and says how many bytes', async () => {
  const into = [Buffer.alloc(10), Buffer.alloc(5000), Buffer.alloc(0), Buffer.alloc(3 * MiB)];
  const positions = [SIZE - 10, 4090, 17, 31 * MiB + 3];
  expect(await file.read(into, positions)).toBe(10 + 5000 + 3 * MiB);
  for (const [i, view] of into.entries()) {
    const position = positions[i] ?? 0;
    expect(view.equals(content.subarray(position, position + view.length))).toBe(true);
  }
});

test('reads a thousand small pieces in one call', async () => {
  const into = Array.from({ length: 1000 }, () => Buffer.alloc(100));
  const positions = into.map((_, i) => (i * 37_633) % (SIZE - 100));
  expect(await file.read(into, positions)).toBe(100_000);
  for (const [i, view] of into.entries()) {
    const position = positions[i] ?? 0;
    expect(view.equals(content.subarray(position, position + 100))).toBe(true);
  }
});

test('reads nothing into no view', async () => {
  expect(await file.read([], [])).toBe(0);
  expect(await file.read([Buffer.alloc(0)], [SIZE])).toBe(0);
});

test('takes both priorities', async () => {
  for (const priority of ['interactive', 'scan'] as const) {
    const view = Buffer.alloc(5000);
    expect(await file.read([view], [123_456], { priority })).toBe(5000);
    expect(view.equals(content.subarray(123_456, 128_456))).toBe(true);
  }
});

test('does not look at the lists of views and positions after the call', async () => {
  const view = Buffer.alloc(50);
  const into = [view];
  const positions = [20 * MiB];
  const reading = file.read(into, positions);
  into.length = 0;
  positions[0] = 0;
  expect(await reading).toBe(50);
  expect(view.equals(content.subarray(20 * MiB, 20 * MiB + 50))).toBe(true);
});

test('reading into a buffer that is transferred meanwhile is an INVALID_ARGUMENT', async () => {
  const hole = await open(files.sparse('hole', GiB));
  const view = new Uint8Array(8192);
  const reading = hole.read([view], [500 * MiB]);
  transfer(view);
  await expectRejected('INVALID_ARGUMENT', reading, /transferred|detached/);
  await hole.close();
});

test('one transferred buffer among others fails the whole read', async () => {
  const hole = await open(files.sparse('second hole', GiB));
  const [kept, lost] = [new Uint8Array(8), new Uint8Array(8192)];
  const reading = hole.read([kept, lost], [100 * MiB, 500 * MiB]);
  transfer(lost);
  await expectRejected('INVALID_ARGUMENT', reading, /transferred|detached/);
  expect(hole.stats().inFlight).toBe(0);
  await hole.close();
});

test('a buffer that shrinks meanwhile is never written behind its end', async () => {
  // Resizable buffers are newer than the language version that the compiler is set to.
  const Resizable = ArrayBuffer as unknown as new (
    length: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize(length: number): void };
  const buffer = new Resizable(8192, { maxByteLength: 8192 });
  const hole = await open(files.sparse('third hole', GiB));
  const reading = hole.read([new Uint8Array(buffer, 0, 8192)], [700 * MiB]);
  buffer.resize(100);
  await expectRejected('INVALID_ARGUMENT', reading);
  await hole.close();
});

test('a signal that is aborted before the call rejects with its reason', async () => {
  const reason = new Error('changed my mind');
  await expect(file.read([Buffer.alloc(10)], [0], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test('a signal that is aborted before the call rejects with its reason, also where all the bytes are in memory', async () => {
  const reason = new Error('changed my mind');
  const signal = AbortSignal.abort(reason);
  await untilAnswered(
    () => file.tryRange(1000, 50),
    () => file.getRanges([{ offset: 1000, length: 50 }]).arrived,
  );
  await expect(file.read([Buffer.alloc(50)], [1000], { signal })).rejects.toBe(reason);
  await expect(file.read([], [], { signal })).rejects.toBe(reason);
});

test('a signal that is aborted during the call rejects with its reason and leaves the views alone', async () => {
  const hole = await open(files.sparse('fourth hole', GiB));
  const controller = new AbortController();
  const view = Buffer.alloc(100, 'u');
  const reading = hole.read([view], [300 * MiB], { signal: controller.signal });
  const reason = { because: 'any value may be a reason' };
  controller.abort(reason);
  await expect(reading).rejects.toBe(reason);
  expect(view.equals(Buffer.alloc(100, 'u'))).toBe(true);
  await hole.close();
});

test('a signal that is aborted after the read changes nothing', async () => {
  const controller = new AbortController();
  const view = Buffer.alloc(100);
  expect(await file.read([view], [300], { signal: controller.signal })).toBe(100);
  controller.abort();
  expect(view.equals(content.subarray(300, 400))).toBe(true);
});

test('a file that is closed during the read rejects with CLOSED', async () => {
  const hole = await open(files.sparse('fifth hole', GiB));
  const reading = hole.read([Buffer.alloc(100)], [300 * MiB]);
  const closing = hole.close();
  await expectRejected('CLOSED', reading);
  await closing;
});
