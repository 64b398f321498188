import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { invalidArgument, NofaultError } from '../../errors';
import { bytesOfFile, isGzip, peek, unpacked } from './bytes';
import type { ColumnSpec, SourceFormat } from './contract';
import type { ExpectedKeys } from './row-table';
import type { Source } from './source';
import { CsvSource } from './source-csv';
import { JsonLinesSource } from './source-json-lines';
import { ParquetSource } from './source-parquet';
import { readError } from './system-error';

/** A source of bytes, as it can be handed to a thread. */
export interface ByteSource {
  /** The path as bytes; undefined for a stream. */
  readonly path: Uint8Array | undefined;
  /** What it is called in errors. */
  readonly name: string;
  readonly format: SourceFormat | undefined;
  readonly delimiter: string | undefined;
  readonly size: number | undefined;
}

const FORMATS: readonly string[] = ['csv', 'tsv', 'jsonl', 'parquet'];
const EXTENSIONS: Readonly<Record<string, SourceFormat>> = {
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  parquet: 'parquet',
};
/** Bytes that say what a file is. */
const START = 4096;

/** What a caller gave as a source of bytes; undefined when it is an iterable of rows. Throws when it is no source at all. */
export function byteSourceOf(source: unknown): ByteSource | undefined {
  const expected = 'a path, { path }, { stream }, or an iterable of row objects';
  if (typeof source === 'string' || source instanceof URL) return fileSource(source, undefined, undefined);
  if (typeof source !== 'object' || source === null) throw invalidArgument('source', expected, source);
  if (source instanceof Uint8Array) throw invalidArgument('source', `${expected}; for a path as bytes { path }`, source);
  if (Symbol.iterator in source || Symbol.asyncIterator in source) return undefined;
  const { path, stream, format, delimiter, size } = source as Record<string, unknown>;
  if (format !== undefined && !FORMATS.includes(format as string))
    throw invalidArgument('source.format', "'csv', 'tsv', 'jsonl' or 'parquet'", format);
  if (delimiter !== undefined && (typeof delimiter !== 'string' || delimiter.length !== 1 || '"\r\n'.includes(delimiter))) {
    throw invalidArgument('source.delimiter', 'one character that is no quote and no line break', delimiter);
  }
  if (path !== undefined && stream !== undefined) throw invalidArgument('source', 'either a path or a stream', 'both');
  if (path !== undefined) return fileSource(path, format as SourceFormat | undefined, delimiter as string | undefined);
  if (typeof stream !== 'object' || stream === null || !(Symbol.asyncIterator in stream))
    throw invalidArgument('source', expected, stream ?? source);
  if (size !== undefined && !(Number.isSafeInteger(size) && (size as number) >= 0))
    throw invalidArgument('source.size', 'a number of bytes', size);
  if (format === 'parquet') throw noParquetStream();
  return {
    path: undefined,
    name: 'the stream',
    format: format as SourceFormat | undefined,
    delimiter: delimiter as string | undefined,
    size: size as number | undefined,
  };
}

function fileSource(path: unknown, format: SourceFormat | undefined, delimiter: string | undefined): ByteSource {
  const bytes = pathBytes(path, 'source');
  return { path: bytes, name: bytes.toString(), format, delimiter, size: undefined };
}

export function pathBytes(path: unknown, what: string): Buffer {
  const expected = "a path (string, Buffer or 'file:' URL, not empty and without zero bytes)";
  if (path instanceof URL) {
    try {
      return pathBytes(fileURLToPath(path), what);
    } catch {
      throw invalidArgument(what, expected, path.href);
    }
  }
  if (typeof path !== 'string' && !Buffer.isBuffer(path)) throw invalidArgument(what, expected, path);
  const bytes = Buffer.from(path as string);
  if (bytes.length === 0 || bytes.includes(0)) throw invalidArgument(what, expected, path.toString());
  return bytes;
}

/** What the caller's columns say of the keys of rows. */
export function expectedKeys(columns: readonly ColumnSpec[] | undefined): ExpectedKeys {
  const named = columns?.filter(({ name, kind, type }) => name !== '*' && kind !== 'none' && type !== undefined) ?? [];
  return { expected: named.map(({ name }) => name), complete: columns === undefined || columns.some(({ name }) => name === '*') };
}

/** Looks at a source of bytes and makes what reads it. `stream` are the bytes of one that is no file. */
export async function openByteSource(
  from: ByteSource,
  stream: AsyncIterable<Uint8Array> | undefined,
  columns: readonly ColumnSpec[] | undefined,
): Promise<Source> {
  const { name } = from;
  const path = from.path === undefined ? undefined : Buffer.from(from.path);
  const count = { bytesRead: 0 };
  const status = path === undefined ? undefined : await stat(path).catch((error) => Promise.reject(readError(error, name)));
  if (status?.isDirectory())
    throw new NofaultError('UNSUPPORTED', `${name} is a directory, and a file of rows was expected`, { path: name });
  const size = status?.isFile() ? status.size : from.size;
  const byName = from.format ?? formatByName(name);
  if (byName === 'parquet' && path !== undefined) return new ParquetSource(name, path);

  let bytes: AsyncIterable<Uint8Array> =
    path === undefined ? counted(stream as AsyncIterable<Uint8Array>, count) : bytesOfFile(path, name, count);
  let { start, whole } = await peek(bytes, START);
  bytes = whole();
  if (isGzip(start)) {
    ({ start, whole } = await peek(unpacked(bytes, name), START));
    bytes = whole();
  }
  const format = byName ?? formatByStart(start);
  if (format === 'csv') return new CsvSource(name, bytes, count, size, from.delimiter);
  if (format === 'tsv') return new CsvSource(name, bytes, count, size, from.delimiter ?? '\t');
  if (format === 'jsonl') return new JsonLinesSource(name, bytes, count, size, expectedKeys(columns));
  await (bytes as AsyncGenerator<Uint8Array>).return(undefined);
  if (path !== undefined) return new ParquetSource(name, path);
  throw noParquetStream();
}

function noParquetStream(): NofaultError {
  return new NofaultError(
    'INVALID_ARGUMENT',
    'Parquet cannot be read from a stream, for what it has stands at its end: write it to a file',
  );
}

function formatByName(name: string): SourceFormat | undefined {
  const [, extension = ''] = /\.([a-z]+)(?:\.gz)?$/i.exec(name) ?? [];
  return Object.hasOwn(EXTENSIONS, extension.toLowerCase()) ? EXTENSIONS[extension.toLowerCase()] : undefined;
}

function formatByStart(start: Buffer): SourceFormat {
  if (start.subarray(0, 4).equals(Buffer.from('PAR1'))) return 'parquet';
  return /^[\ufeff\s]*[{[]/.test(start.toString()) ? 'jsonl' : 'csv';
}

async function* counted(bytes: AsyncIterable<Uint8Array>, count: { bytesRead: number }): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    count.bytesRead += piece.length;
    yield piece;
  }
}
