import { readFileSync } from 'node:fs';
import { checksum } from '../../src/bitmap/format';
import { openIndex } from '../../src/index';
import { expectRejected, expectThrown } from '../failures';
import { TestFiles } from '../files';
import { FLIGHTS, writeFlights } from './flights';
import { writeIndex } from './index-file';

const files = TestFiles.make();
const whole = (): Buffer => readFileSync(writeFlights(files.path('flights')));

/** The same bytes with some of the header changed, and its checksum right again. */
function withHeader(change: (bytes: Buffer) => void): Buffer {
  const bytes = whole();
  change(bytes);
  bytes.writeUInt32LE(checksum(bytes.subarray(0, 60)), 60);
  return bytes;
}

test('an index says what it has', async () => {
  await using index = await openIndex(writeFlights(files.path('flights')));
  expect(index.path).toBe(files.path('flights'));
  expect(index.rowCount).toBe(8);
  expect(index.columns).toEqual([
    { name: 'origin', kind: 'values', type: 'string', scale: 0, nulls: 1, valueCount: 5 },
    { name: 'delay', kind: 'numbers', type: 'integer', scale: 0, nulls: 1, min: -12n, max: 200n, slices: 9 },
    { name: 'price', kind: 'numbers', type: 'decimal', scale: 2, nulls: 1, min: -5n, max: 10_000n, slices: 15 },
    { name: 'date', kind: 'values', type: 'date', scale: 0, nulls: 0, valueCount: 6 },
    { name: 'cancelled', kind: 'values', type: 'boolean', scale: 0, nulls: 1, valueCount: 2 },
    { name: 'is null', kind: 'values', type: 'integer', scale: 0, nulls: 0, valueCount: 8 },
  ]);
});

test.each<[string, number, () => Buffer]>([
  ['an empty file', 0, () => Buffer.alloc(0)],
  ['a text', 0, () => Buffer.from('origin,destination\n'.repeat(100))],
  ['a file of another version', 8, () => withHeader((bytes) => bytes.writeUInt32LE(2, 8))],
  [
    'a header whose bits have flipped',
    60,
    () => {
      const bytes = whole();
      bytes[20] = 1;
      return bytes;
    },
  ],
  ['a file that was cut off', 24, () => whole().subarray(0, -1)],
  ['a file that goes on', 24, () => Buffer.concat([whole(), Buffer.alloc(1)])],
  ['more rows than there can be', 16, () => withHeader((bytes) => bytes.writeBigUInt64LE(2n ** 32n, 16))],
  ['more columns than there can be', 12, () => withHeader((bytes) => bytes.writeUInt32LE(65_536, 12))],
  ['a table outside of the file', 32, () => withHeader((bytes) => bytes.writeBigUInt64LE(2n ** 63n, 32))],
  [
    'a table that is too long',
    40,
    () =>
      withHeader((bytes) => {
        bytes.writeUInt32LE(1, 12);
        bytes.writeBigUInt64LE(64n, 32);
        bytes.writeUInt32LE(bytes.length - 64, 40);
      }),
  ],
])('%s is refused, and the offset named', async (_, offset, make) => {
  const path = files.write('bad', make());
  const error = await expectRejected('BAD_FORMAT', openIndex(path));
  expect(error).toMatchObject({ path, offset });
  expect(error.message).toContain(`at byte ${offset}`);
});

test('a table of columns in which any bit has flipped is refused', async () => {
  const bytes = whole();
  const table = Number(bytes.readBigUInt64LE(32));
  for (let at = table; at < bytes.length; at += 7) {
    const bad = Buffer.from(bytes);
    bad[at] = (bad[at] as number) ^ (1 << (at % 8));
    expect(await expectRejected('BAD_FORMAT', openIndex(files.write('bad', bad)))).toMatchObject({ offset: table });
  }
});

test('a hostile table of columns, its checksums right, is refused or opened, and nothing else', async () => {
  const bytes = whole();
  const table = Number(bytes.readBigUInt64LE(32));
  let opened = 0;
  for (let at = table; at < bytes.length; at++) {
    const bad = Buffer.from(bytes);
    bad[at] = at % 2 === 0 ? 0xff : (bad[at] as number) ^ 0x55;
    bad.writeUInt32LE(checksum(bad.subarray(table)), 44);
    bad.writeUInt32LE(checksum(bad.subarray(0, 60)), 60);
    try {
      await (await openIndex(files.write('bad', bad))).close();
      opened++;
    } catch (error) {
      expect(error).toMatchObject({ code: 'BAD_FORMAT' });
    }
  }
  expect(opened).toBeGreaterThan(0);
});

test('an index without rows, and one without columns', async () => {
  await using empty = await openIndex(
    writeIndex(
      files.path('empty'),
      FLIGHTS.map((column) => ({ ...column, values: [] })),
    ),
  );
  expect(empty.rowCount).toBe(0);
  expect(empty.columns.map(({ name }) => name)).toEqual(FLIGHTS.map(({ name }) => name));
  await using bare = await openIndex(writeIndex(files.path('bare'), []));
  expect(bare.columns).toEqual([]);
});

test('a file that does not exist, a signal, and an argument of the wrong kind', async () => {
  await expectRejected('IO', openIndex(files.path('nowhere')));
  const reason = new Error('not now');
  await expect(openIndex(files.path('flights'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expectThrown('INVALID_ARGUMENT', () => openIndex(5 as unknown as string));
});
