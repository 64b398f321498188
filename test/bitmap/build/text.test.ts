import { createReadStream, readFileSync, statSync, symlinkSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { type BuildOptions, type BuildProgress, type BuildSource, buildIndex } from '../../../src/index';
import { expectRejected } from '../../failures';
import { TestFiles } from '../../files';
import { type NaiveIndex, readNaively } from './naive-reader';

const files = TestFiles.make();
const out = files.path('text.idx');

async function indexed(source: BuildSource, options?: BuildOptions): Promise<NaiveIndex> {
  await buildIndex(source, out, options);
  return readNaively(out);
}

function cells(index: NaiveIndex): Record<string, unknown> {
  return Object.fromEntries(index.columns.map(({ name, cells }) => [name, cells]));
}

describe('CSV', () => {
  const table =
    'name,count,price,on,day\n"Smith, ""J""",1,2.50,true,2001-01-31\n\u00c5ngstr\u00f6m,-20,-0.05,FALSE,2001-02-01 23:59\n,,,,\n"two\nlines",300,7,true,2000-02-29T12:00:00Z\n';
  const expected = {
    name: ['Smith, "J"', 'Ångström', null, 'two\nlines'],
    count: [1n, -20n, null, 300n],
    price: [250n, -5n, null, 700n],
    on: [true, false, null, true],
    day: [11353n, 11354n, null, 11016n],
  };

  test.each([
    ['as it is', 'table.csv', Buffer.from(table)],
    ['with CR LF', 'crlf.csv', Buffer.from(table.replaceAll('\n', '\r\n').replace('two\r\nlines', 'two\nlines'))],
    ['with a byte order mark', 'bom.csv', Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), Buffer.from(table)])],
    ['without a newline at the end', 'end.csv', Buffer.from(table.trimEnd())],
    ['with empty lines', 'lines.csv', Buffer.from(`${table.replace('\n,,,,\n', '\n\n,,,,\n')}\n\n`)],
    ['packed', 'table.csv.gz', gzipSync(table)],
    ['packed under another name', 'packed', gzipSync(table)],
    ['under another name', 'table.txt', Buffer.from(table)],
  ])('%s', async (_, name, content) => {
    expect(cells(await indexed(files.write(name, content)))).toEqual(expected);
  });

  test.each([
    ['semicolons, found out', 'semicolon.csv', (text: string) => text.replaceAll(/,(?! )/g, ';'), undefined],
    ['tabs, by its name', 'table.tsv', (text: string) => text.replaceAll(/,(?! )/g, '\t'), undefined],
    ['what the caller says', 'pipes.txt', (text: string) => text.replaceAll(/,(?! )/g, '~'), '~'],
  ])('with %s', async (_, name, change, delimiter) => {
    const path = files.write(name, change(table));
    expect(cells(await indexed(delimiter === undefined ? path : { path, format: 'csv', delimiter }))).toEqual(expected);
  });

  test('by a URL, as bytes of a path, and as a stream', async () => {
    const path = files.write('table2.csv', table);
    expect(cells(await indexed(pathToFileURL(path)))).toEqual(expected);
    expect(cells(await indexed({ path: Buffer.from(path) }))).toEqual(expected);
    expect(cells(await indexed({ stream: createReadStream(path, { highWaterMark: 7 }), format: 'csv' }))).toEqual(expected);
    expect(cells(await indexed({ stream: Readable.from([gzipSync(table)]) }))).toEqual(expected);
  });

  test('of many pieces, with characters and lines across their edges', async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `${i},"naïve 😀 ${i % 700}"`);
    const path = files.write('long.csv', `id,text\n${lines.join('\n')}\n`);
    const summary = await buildIndex(path, out);
    expect(summary).toMatchObject({ rows: 30_000, bytesRead: statSync(path).size });
    const index = readNaively(out);
    expect(index.column('id').cells).toEqual(lines.map((_, i) => BigInt(i)));
    expect(index.column('text').cells).toEqual(lines.map((_, i) => `naïve 😀 ${i % 700}`));
  });

  test('progress ends with all bytes of the file, and the summary says what was read', async () => {
    const path = files.write('progress.csv', table);
    const seen: BuildProgress[] = [];
    await buildIndex(path, out, { onProgress: (progress) => seen.push(progress) });
    const { size } = statSync(path);
    expect(seen.at(-1)).toEqual({ phase: 'writing', rows: 4, bytesRead: size, bytesTotal: size, columnsWritten: 5, columnsTotal: 5 });
  });

  test('a header without rows gives columns without values', async () => {
    const index = await indexed(files.write('header.csv', 'a,b\n'));
    expect(index).toMatchObject({ rowCount: 0, columns: [{ name: 'a', type: 'string', valueCount: 0 }, { name: 'b' }] });
  });
});

describe('JSON lines', () => {
  const table =
    '{"name":"a","count":1,"at":"2001-01-31T10:00:00+11:00"}\n\n{"count":2.5,"name":"b","extra":true}\n  {"name":null,"at":null}\n{"name":"", "count": -0}';
  const expected = {
    name: ['a', 'b', null, ''],
    count: [10n, 25n, null, 0n],
    at: [11352n, null, null, null],
    extra: [null, true, null, null],
  };

  test.each([
    ['by their name', 'table.jsonl', Buffer.from(table)],
    ['by what is in them', 'table.log', Buffer.from(table)],
    ['with CR LF', 'crlf.ndjson', Buffer.from(table.replaceAll('\n', '\r\n'))],
    ['packed', 'table.jsonl.gz', gzipSync(table)],
  ])('%s', async (_, name, content) => {
    expect(cells(await indexed(files.write(name, content)))).toEqual(expected);
  });

  test('names that every object knows are columns like others', async () => {
    const index = await indexed(files.write('proto.jsonl', '{"__proto__":1,"toString":"x","a":1}\n{"a":2}\n'));
    expect(cells(index)).toEqual(
      Object.fromEntries([
        ['__proto__', [1n, null]],
        ['toString', ['x', null]],
        ['a', [1n, 2n]],
      ]),
    );
  });
});

describe('columns', () => {
  const path = files.write('columns.csv', 'a,b,c\n1,x,2.5\n2,y,\n');

  test('are those that were named, in that order, of the kinds and types that were said', async () => {
    const columns = [{ name: 'c', kind: 'numbers', scale: 3 } as const, { name: 'a', type: 'string' } as const];
    const index = await indexed(path, { columns });
    expect(index.columns).toMatchObject([
      { name: 'c', kind: 'numbers', type: 'decimal', scale: 3, cells: [2500n, null] },
      { name: 'a', kind: 'values', type: 'string', cells: ['1', '2'] },
    ]);
  });

  test('* stands for the others, and none leaves out', async () => {
    const names = async (columns: BuildOptions['columns']) =>
      (await indexed(path, { columns: columns ?? [] })).columns.map(({ name }) => name);
    expect(await names([{ name: 'b' }, { name: '*' }])).toEqual(['b', 'a', 'c']);
    expect(await names([{ name: '*' }, { name: 'b', kind: 'none' }])).toEqual(['a', 'c']);
    expect(await names([])).toEqual([]);
  });

  test('of JSON lines may be named though the first rows lack them, with a type', async () => {
    const lines = files.write('sparse.jsonl', '{"a":1}\n{"a":2}\n');
    await expectRejected('INVALID_ARGUMENT', buildIndex(lines, out, { columns: [{ name: 'z' }] }), /no column "z"/);
    const index = await indexed(lines, { columns: [{ name: 'z', type: 'date' }, { name: '*' }] });
    expect(cells(index)).toEqual({ z: [null, null], a: [1n, 2n] });
  });

  test.each([
    ['two of one name', 'a,b,a\n1,2,3\n', /two columns called "a"/],
    ['one without a name', 'a,\n1,2\n', /name has 0 bytes/],
    ['a name that is too long', `${'x'.repeat(256)}\n1\n`, /name has 256 bytes/],
  ])('%s are refused unless they are left out', async (_, text, message) => {
    const refused = files.write('names.csv', text);
    await expectRejected('BAD_FORMAT', buildIndex(refused, out), message);
  });
});

describe('what is chosen from the first rows', () => {
  const chosen = async (values: readonly string[]) => {
    const [column] = (await indexed(files.write('chosen.csv', `x\n${values.map((value) => `"${value}"`).join('\n')}\n`))).columns;
    return `${column?.kind} ${column?.type}${column?.type === 'decimal' ? ` ${column.scale}` : ''}`;
  };
  const many = (value: (i: number) => string) => Array.from({ length: 65 }, (_, i) => value(i));

  test.each([
    ['64 integers are values', Array.from({ length: 64 }, (_, i) => String(i)), 'values integer'],
    ['65 are numbers', many(String), 'numbers integer'],
    ['digits that begin with 0 are text', ['01234', '99999'], 'values string'],
    ['integers beyond 64 bits are text', ['99999999999999999999'], 'values string'],
    ['some with a point are decimals of the most digits', many((i) => `${i}${['', '.5', '.125'][i % 3]}`), 'numbers decimal 3'],
    ['a word among numbers makes text', ['1', '2', 'none'], 'values string'],
    ['true and false are boolean', ['true', 'FALSE'], 'values boolean'],
    ['0 and 1 are integers', ['0', '1'], 'values integer'],
    ['days are dates', ['2001-01-01', '2001-12-31'], 'values date'],
    ['times are dates too', ['2001-01-01T10:00:00.5Z', '2001-12-31 23:59'], 'values date'],
    ['a day that there is not is text', ['2001-02-29', '2001-02-28'], 'values string'],
    ['nothing at all is text', ['', ''], 'values string'],
    ['exponents are decimals', many((i) => `${i}e-2`), 'numbers decimal 2'],
  ])('%s', async (_, values, expected) => {
    expect(await chosen(values)).toBe(expected);
  });

  test('more than 9 digits after the point are refused, until the caller says how many to keep', async () => {
    const path = files.write('floats.csv', 'x\n0.12345678905\n1.5\n-0.00000000005\n-2e-12\n');
    await expectRejected('INVALID_ARGUMENT', buildIndex(path, out), /"x" .* 0\.12345678905.*more than 9 digits.*scale/);
    const index = await indexed(path, { columns: [{ name: 'x', type: 'decimal', scale: 10 }] });
    expect(index.column('x').cells).toEqual([1234567891n, 15000000000n, -1n, 0n]);
  });

  test('integers as wide as 64 bits, and decimals, are exact', async () => {
    const path = files.write('wide.csv', 'i,d\n9223372036854775807,92233720368547758.07\n-9223372036854775808,-92233720368547758.08\n');
    expect(cells(await indexed(path))).toEqual({ i: [2n ** 63n - 1n, -(2n ** 63n)], d: [2n ** 63n - 1n, -(2n ** 63n)] });
  });
});

describe('bad rows', () => {
  /** Far behind the sample, so that what it is to be has been chosen. */
  const before = Array.from({ length: 70_000 }, (_, i) => `${i},${i % 2},d${i % 3}`);
  const withBad = (...bad: string[]) => files.write('bad.csv', `a,b,c\n${before.join('\n')}\n${bad.join('\n')}\n7,1,d1\n`);

  test.each([
    ['a value of another type', 'x,1,d1', /line 70002: column "a": "x" is not an integer: say what type/],
    ['a fraction', '1.5,1,d1', /line 70002: column "a": "1.5" is not an integer/],
    ['too few fields', '1,1', /line 70002: it has 2 fields, and the first line 3/],
    ['too many', '1,1,1,1', /line 70002: it has 4 fields/],
    ['a quote in the middle', '1,1,a"b', /line 7000[12]/],
    ['text that is too long', `1,1,${'y'.repeat(1025)}`, /line 70002: column "c": it is text of 1025 bytes, and 1024 is the most/],
  ])('%s ends the build with its line, or is left out and counted', async (_, line, message) => {
    const path = withBad(line);
    const error = await expectRejected('BAD_FORMAT', buildIndex(path, out), message);
    expect(error.message).toContain(path);
    expect(error.path).toBe(path);
    const summary = await buildIndex(path, out, { onBadRow: 'skip' });
    expect(summary).toMatchObject({ rows: 70_001, skippedRows: 1 });
    expect(summary.skipped).toEqual([expect.stringMatching(/^line 7000[12]: /)]);
    const index = readNaively(out);
    expect(index.column('a').cells.slice(-2)).toEqual([69_999n, 7n]);
    expect(index.column('c').cells.slice(-2)).toEqual(['d0', 'd1']);
  });

  test('many are counted, the first ten told, and the others move up', async () => {
    const lines = Array.from({ length: 200_000 }, (_, i) => (i >= 70_000 && i % 3 === 0 ? `bad,${i}` : `${i},${i}`));
    const summary = await buildIndex(files.write('many-bad.csv', `a,b\n${lines.join('\n')}\n`), out, { onBadRow: 'skip' });
    const good = lines.filter((line) => !line.startsWith('bad')).map((line) => BigInt(line.split(',')[0] as string));
    expect(summary).toMatchObject({ rows: good.length, skippedRows: 200_000 - good.length });
    expect(summary.skipped).toHaveLength(10);
    expect(summary.skipped[0]).toMatch(/^line 70004: column "a": "bad" is not an integer/);
    const index = readNaively(out);
    expect(index.column('a').cells).toEqual(good);
    expect(index.column('b').cells).toEqual(good);
  });

  test('of CSV whose quotes are wrong take no others with them', async () => {
    const text = `name,id\n"x"y,1\n${'"good",2\n'.repeat(50)}a"b,3\n"never closed,4\nplain,5\n"z"z,6\nlast,7\n`;
    const summary = await buildIndex({ path: files.write('quotes.csv', text), format: 'csv' }, out, { onBadRow: 'skip' });
    expect(summary).toMatchObject({ rows: 51, skippedRows: 3 });
    const [closing, opening, open] = summary.skipped;
    expect(closing).toMatch(/^line 2: Invalid Closing Quote/);
    expect(opening).toMatch(/^line 53: Invalid Opening Quote/);
    // The quote of line 54 ends in line 56, so that one between is a part of the same record.
    expect(open).toMatch(/^lines 54 to 56: Invalid Closing Quote/);
    expect(cells(readNaively(out)).id).toEqual([...Array(50).fill(2n), 7n]);
  });

  test('of JSON lines: what is no JSON, no object, or has a column that nobody knew of', async () => {
    const good = Array.from({ length: 65_536 }, (_, i) => `{"a":${i}}`).join('\n');
    for (const [line, message] of [
      ['{"a":', /line 65537: .*JSON/],
      ['[1]', /line 65537: it is an array/],
      ['{"a":1,"late":2}', /line 65537: column "late" is in none of the first rows: name the columns/],
      ['{"a":9007199254740993}', /line 65537: column "a": 9007199254740992 is beyond 2\^53/],
      ['{"a":{"b":1}}', /line 65537: column "a": an object is not an integer/],
      ['{"a":"1"}', undefined],
    ] as const) {
      const path = files.write('bad.jsonl', `${good}\n${line}\n{"a":5}`);
      if (message === undefined) expect(await buildIndex(path, out)).toMatchObject({ rows: 65_538 });
      else {
        await expectRejected('BAD_FORMAT', buildIndex(path, out), message);
        expect(await buildIndex(path, out, { onBadRow: 'skip' })).toMatchObject({ rows: 65_537, skippedRows: 1 });
        expect(readNaively(out).column('a').cells.at(-1)).toBe(5n);
      }
    }
  });

  test('a column that is named needs no sample, and others do not matter then', async () => {
    const path = files.write('named.jsonl', '{"a":1}\n{"b":{},"a":2}\n');
    expect(cells(await indexed(path, { columns: [{ name: 'a' }] }))).toEqual({ a: [1n, 2n] });
  });
});

describe('files that are not what they should be', () => {
  test.each([
    ['empty', 'empty.csv', Buffer.alloc(0), /is empty: a line of names/],
    ['not UTF-8', 'latin1.csv', Buffer.from('name\nGr\u00fc\u00dfe\n', 'latin1'), /not UTF-8.*iconv/],
    ['UTF-16', 'utf16.csv', Buffer.from('\ufeffa,b\n1,2\n', 'utf16le'), /UTF-16.*iconv/],
    ['cut off while packed', 'cut.csv.gz', gzipSync('a,b\n1,2\n'.repeat(100)).subarray(0, 30), /cannot be unpacked/],
    ['a JSON array', 'array.json', Buffer.from('[\n{"a":1}\n]\n'), /line 1: .*JSON array; one object a line/],
    ['a quote without end', 'quote.csv', Buffer.from(`a,b\n"1,2\n${'3,4\n'.repeat(10)}`), /quote.csv.*line/],
  ])('%s', async (_, name, content, message) => {
    await expectRejected('BAD_FORMAT', buildIndex(files.write(name, content), out), message);
  });

  test('the table itself is no place for its index', async () => {
    const path = files.write('itself.csv', 'a\n1\n');
    symlinkSync(path, files.path('link.csv'));
    await expectRejected('INVALID_ARGUMENT', buildIndex(path, path), /is the table itself/);
    await expectRejected('INVALID_ARGUMENT', buildIndex(path, files.path('link.csv')), /is the table itself/);
    expect(readFileSync(path, 'utf8')).toBe('a\n1\n');
  });

  test('missing, or a folder', async () => {
    expect(await expectRejected('IO', buildIndex(files.path('nowhere.csv'), out))).toMatchObject({ errno: 2 });
    await expectRejected('UNSUPPORTED', buildIndex(files.folder, out), /is a directory/);
  });

  test('a line without end is refused before it fills the memory', async () => {
    const path = files.write('endless.jsonl', Buffer.alloc(17 * 2 ** 20, '{"a":"x'));
    await expectRejected('LIMIT', buildIndex(path, out), /a line of more than/);
  });

  test('a stream that fails, and one that gives text', async () => {
    const failure = new Error('the network has gone');
    const stream = (async function* () {
      yield Buffer.from('a,b\n1,2\n');
      throw failure;
    })();
    await expect(buildIndex({ stream, format: 'csv' }, out)).rejects.toBe(failure);
    await expectRejected('INVALID_ARGUMENT', buildIndex({ stream: Readable.from(['a,b\n1,2\n']) as never, format: 'csv' }, out), /bytes/);
  });
});
