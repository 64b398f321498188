import { truncateSync, writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { NofaultError, open } from '../../src/index';
import { expectRejected, expectThrown } from '../failures';
import { MiB, pattern, TestFiles } from '../files';
import { bytesIfThere, collect, readPage } from '../reading';

const files = TestFiles.make();

test('an error is an Error with a name, a code, a message and a stack', async () => {
  const error = await expectRejected('IO', open(files.path('missing')));
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe('NofaultError');
  expect(String(error)).toMatch(/^NofaultError: /);
  expect(error.stack).toContain(error.message);
  expect(inspect(error)).toContain("code: 'IO'");
});

test('what is not known about an error is absent, not undefined', async () => {
  const file = await open(files.patterned('file', 5000));
  const error = expectThrown('INVALID_ARGUMENT', () => file.tryPage('1' as unknown as number));
  expect(Object.keys(error).filter((key) => (error as unknown as Record<string, unknown>)[key] === undefined)).toEqual([]);
  await file.close();
});

test('the stack of an error that is thrown at once leads to the caller', async () => {
  const file = await open(files.patterned('another', 5000));
  const error = expectThrown('OUT_OF_RANGE', function theCaller() {
    file.tryPage(2);
  });
  expect(error.stack).toContain('theCaller');
  await file.close();
});

test('a file that was truncated after opening fails where it ends, and is read where it does not', async () => {
  const content = pattern(4 * MiB);
  const path = files.write('truncated', content);
  const file = await open(path);
  truncateSync(path, MiB);
  const set = file.getPages([10, 300, 1000]);
  await expectRejected('TRUNCATED', set.arrived, /shorter|truncated/);
  expect(set.complete).toBe(true);
  const early = bytesIfThere(set, 0);
  if (early) expect(content.subarray(10 * 4096, 11 * 4096).equals(early)).toBe(true);
  for (const entry of [1, 2]) expectThrown('TRUNCATED', () => set.bytes(entry));
  expect(await readPage(file, 255)).toEqual(content.subarray(255 * 4096, 256 * 4096));
  expect(file.stats()).toMatchObject({ errors: 2, inFlight: 0 });
  await file.close();
});

test('the error of a page behind a truncated end says which file and where', async () => {
  const path = files.patterned('cut', 200_000);
  const file = await open(path);
  truncateSync(path, 0);
  const error = await expectRejected('TRUNCATED', file.getPages([20]).arrived);
  expect(error).toMatchObject({ path, offset: 20 * file.pageSize });
  expect(error.message).toContain(path);
  await file.close();
});

test('failed entries are yielded by iteration, and `bytes` throws their error', async () => {
  const path = files.patterned('half', 400_000);
  const file = await open(path);
  truncateSync(path, 100_000);
  const set = file.getPages([1, 90, 2, 95]);
  const order = await collect(set);
  expect([...order].sort()).toEqual([0, 1, 2, 3]);
  const error = expectThrown('TRUNCATED', () => set.bytes(1));
  expect(error.offset).toBe(90 * file.pageSize);
  await expectRejected('TRUNCATED', set.arrived);
  await file.close();
});

test('a failure that nobody asks about is in the stats', async () => {
  const path = files.patterned('unasked', 400_000);
  const file = await open(path);
  truncateSync(path, 0);
  file.getPages([50]);
  while (file.stats().inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const { errors, lastError } = file.stats();
  expect(errors).toBe(1);
  expect(lastError).toBeInstanceOf(NofaultError);
  expect(lastError).toMatchObject({ code: 'TRUNCATED' });
  await file.close();
});

test('`read` and `prefetch` of a truncated file fail without ending the process', async () => {
  const path = files.patterned('read', 400_000);
  const file = await open(path);
  truncateSync(path, 0);
  file.prefetch([{ first: 0, count: file.pageCount }]);
  const view = Buffer.alloc(100, 'u');
  await expectRejected('TRUNCATED', file.read([view], [300_000]));
  expect(view.equals(Buffer.alloc(100, 'u'))).toBe(true);
  expect(file.tryPage(70)).toBeUndefined();
  expect(file.tryRange(200_000, 5000)).toBeUndefined();
  await file.close();
});

test('a file that grew is served as far as it went when it was opened', async () => {
  const path = files.patterned('grown', 5000);
  const file = await open(path);
  writeFileSync(path, pattern(50_000));
  expect(file.size).toBe(5000);
  expectThrown('OUT_OF_RANGE', () => file.getPages([2]));
  expect(await readPage(file, 1)).toEqual(pattern(50_000).subarray(4096, 5000));
  await file.close();
});
