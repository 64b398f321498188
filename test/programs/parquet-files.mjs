// Writes the Parquet files of test/bitmap/build/parquet.test.ts into a folder: parquet-files.mjs FOLDER
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ByteWriter, parquetWrite } from 'hyparquet-writer';

const folder = process.argv[2];

function write(name, options) {
  const writer = new ByteWriter();
  parquetWrite({ writer, ...options });
  writeFileSync(join(folder, name), Buffer.from(writer.getBuffer()));
}

const optional = (name, element) => ({ name, repetition_type: 'OPTIONAL', ...element });

// Every type that a column can be made of.
write('types.parquet', {
  columnData: [
    { name: 'text', data: ['Wien', null, 'Ångström 😀', ''] },
    { name: 'flag', data: [true, false, null, true] },
    { name: 'small', data: [-1, 2147483647, null, -2147483648] },
    { name: 'large', data: [2n ** 62n, -(2n ** 63n), null, 2n ** 53n + 1n] },
    { name: 'day', data: [new Date('2001-01-31'), null, new Date('1969-12-31'), new Date(0)] },
    { name: 'millis', data: [new Date('1969-12-31T23:59:59.999Z'), new Date('2001-01-31T12:00:00Z'), null, new Date(-1)] },
    { name: 'single', data: [0.1, null, -2.75, 100] },
    { name: 'double', data: [0.25, Number.NaN, null, -3] },
    { name: 'cents', data: [19.99, null, -0.29, 0] },
    { name: 'json', data: [{ a: 1 }, null, [2], 'x'] },
  ],
  schema: [
    { name: 'root', num_children: 10 },
    optional('text', { type: 'BYTE_ARRAY', converted_type: 'UTF8' }),
    optional('flag', { type: 'BOOLEAN' }),
    optional('small', { type: 'INT32' }),
    optional('large', { type: 'INT64' }),
    optional('day', { type: 'INT32', converted_type: 'DATE' }),
    optional('millis', { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' }),
    optional('single', { type: 'FLOAT' }),
    optional('double', { type: 'DOUBLE' }),
    optional('cents', { type: 'INT32', converted_type: 'DECIMAL', scale: 2, precision: 9 }),
    optional('json', { type: 'BYTE_ARRAY', converted_type: 'JSON' }),
  ],
});

write('nested.parquet', {
  columnData: [
    { name: 'id', data: [1, 2] },
    { name: 'tags', data: [['a', 'b'], []] },
  ],
  schema: [
    { name: 'root', num_children: 2 },
    optional('id', { type: 'INT32' }),
    { name: 'tags', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    optional('element', { type: 'BYTE_ARRAY', converted_type: 'UTF8' }),
  ],
});

const count = 200_000;
const ids = Array.from({ length: count }, (_, i) => i);
const names = ids.map((i) => `name ${i % 5000}`);
// Small row groups, together less than a sample; and one that is larger than a chunk, of several pages.
for (const [name, rowGroupSize] of [
  ['groups.parquet', [100, 777, 1000]],
  ['one-group.parquet', count],
]) {
  write(name, {
    columnData: [
      { name: 'id', data: ids, type: 'INT32' },
      { name: 'name', data: names, type: 'STRING' },
    ],
    rowGroupSize,
    pageSize: 100_000,
  });
}

write('gzip.parquet', {
  columnData: [{ name: 'id', data: ids.slice(0, 1000), type: 'INT32' }],
  codec: 'GZIP',
  compressors: { GZIP: (bytes) => gzipSync(bytes) },
});

write('fraction-late.parquet', { columnData: [{ name: 'x', data: ids.map((i) => (i === 150_000 ? 0.5 : i)), type: 'DOUBLE' }] });
