import { open } from 'node:fs/promises';
import * as zlib from 'node:zlib';
import type { AsyncBuffer, Compressors, DecodedArray, FileMetaData, ParquetParsers, SchemaTree } from 'hyparquet' with {
  'resolution-mode': 'import',
};
import { NofaultError } from '../../errors';
import type { BadRows } from './bad-rows';
import { type Batch, type Choose, SAMPLE_ROWS, type Source, type SourceColumn } from './source';
import { readError } from './system-error';

/** Rows of a batch, at most, and cells: row groups can be of any size. */
const MOST_ROWS = 2 ** 19;
const MOST_CELLS = 2 ** 24;
const DAY = { milliseconds: 86_400_000n, microseconds: 86_400_000_000n, nanoseconds: 86_400_000_000_000n };

/** Text whose bytes are no UTF-8, as a value that no column takes. */
const NO_TEXT = Symbol('bytes that are no UTF-8');

/** Rows that lie in one row group. */
interface Stretch {
  readonly rowStart: number;
  readonly rowEnd: number;
}

/** Parquet, decoded column by column, some row groups or a part of one at a time. */
export class ParquetSource implements Source {
  bytesRead = 0;
  bytesTotal: number | undefined;

  constructor(
    readonly name: string,
    private readonly path: Buffer | string,
  ) {}

  async *read(choose: Choose, _bad: BadRows): AsyncGenerator<Batch> {
    const { parquetMetadataAsync, parquetScan, parquetSchema } = await import('hyparquet');
    const compressors = await decompressors();
    const file = await open(this.path, 'r').catch((error) => Promise.reject(readError(error, this.name)));
    try {
      const { size } = await file.stat();
      this.bytesTotal = size;
      const buffer: AsyncBuffer = {
        byteLength: size,
        slice: async (start, end = size) => {
          if (!(start >= 0 && end >= start && end <= size)) throw new RangeError(`bytes ${start} to ${end} do not lie in the file`);
          const bytes = new Uint8Array(end - start);
          for (let at = 0; at < bytes.length; ) {
            const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at);
            if (bytesRead === 0) throw new RangeError('the file has become shorter');
            at += bytesRead;
            this.bytesRead += bytesRead;
          }
          return bytes.buffer;
        },
      };
      const metadata = await this.#sound(async () => parquetMetadataAsync(buffer, { geoparquet: false }));
      const columns = await this.#sound(async () => parquetSchema(metadata).children.map(columnOf));
      const chosen = choose(columns.map(({ shown }) => shown)).map((index) => columns[index] as ParquetColumn);
      const readStretch = async ({ raw, shown, single }: ParquetColumn, stretch: Stretch): Promise<DecodedArray> => {
        // One scan a stretch: it keeps the last that it has decoded of each column.
        const scan = await parquetScan({ file: buffer, metadata, columns: [shown.name], compressors, parsers: PARSERS, utf8: !raw });
        const values = await scan.readColumn({ column: shown.name, ...stretch });
        if (values.length !== stretch.rowEnd - stretch.rowStart)
          throw new RangeError(`column ${shown.name} has ${values.length} rows there`);
        return single ? shortened(values) : values;
      };
      for (const stretches of windows(
        metadata,
        Math.max(SAMPLE_ROWS, Math.min(MOST_ROWS, Math.floor(MOST_CELLS / Math.max(1, chosen.length)))),
      )) {
        const first = (stretches[0] as Stretch).rowStart;
        yield {
          rows: (stretches.at(-1) as Stretch).rowEnd - first,
          place: (row) => `row ${first + row + 1}`,
          column: (index) =>
            this.#sound(async () => {
              const column = chosen[index] as ParquetColumn;
              if (stretches.length === 1) return readStretch(column, stretches[0] as Stretch);
              const all: unknown[] = [];
              for (const stretch of stretches) for (const value of await readStretch(column, stretch)) all.push(value);
              return all;
            }),
        };
      }
    } finally {
      await file.close();
    }
  }

  /** What the reader throws at a file that is none says little of what it was reading. */
  async #sound<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (cause) {
      const error = readError(cause, this.name);
      if (error instanceof NofaultError) throw error;
      throw new NofaultError('BAD_FORMAT', `${this.name} cannot be read as Parquet: ${(cause as Error).message}`, {
        path: this.name,
        cause,
      });
    }
  }
}

interface ParquetColumn {
  readonly shown: SourceColumn;
  /** Its values are bytes that are no text. */
  readonly raw: boolean;
  /** Floats of 32 bits. */
  readonly single: boolean;
}

/** What a column of the schema is to an index. Changes the schema where its decoder would lose digits. */
function columnOf({ element, children }: SchemaTree): ParquetColumn {
  const { name, type } = element;
  const converted = element.converted_type;
  const logical = element.logical_type;
  const column = (more: Omit<SourceColumn, 'name'>, kind: { raw?: true; single?: true } = {}): ParquetColumn => ({
    shown: { name, ...more },
    raw: kind.raw === true,
    single: kind.single === true,
  });
  if (children.length > 0 || element.repetition_type === 'REPEATED') return column({ unfit: 'it is nested' });
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') {
    const scale = element.scale ?? (logical?.type === 'DECIMAL' ? logical.scale : 0) ?? 0;
    if (scale > 18) return column({ unfit: `it has ${scale} digits after the point, and 18 is the most` });
    // As integers, rather than as the floats that it would make of them.
    delete element.converted_type;
    delete element.logical_type;
    return column({ type: 'decimal', scale }, { raw: true });
  }
  if (
    converted === 'BSON' ||
    converted === 'INTERVAL' ||
    logical?.type === 'GEOMETRY' ||
    logical?.type === 'GEOGRAPHY' ||
    logical?.type === 'VARIANT'
  ) {
    return column({ unfit: `it is ${converted ?? logical?.type}` });
  }
  if (converted === 'DATE' || logical?.type === 'DATE' || type === 'INT96') return column({ type: 'date' });
  if (converted === 'TIMESTAMP_MILLIS' || converted === 'TIMESTAMP_MICROS' || logical?.type === 'TIMESTAMP')
    return column({ type: 'date' });
  if (type === 'BOOLEAN') return column({ type: 'boolean' });
  if (type === 'INT32' || type === 'INT64') return column({ type: 'integer' });
  if (type === 'FLOAT') return column({ otherwise: 'decimal' }, { single: true });
  if (type === 'DOUBLE' || logical?.type === 'FLOAT16') return column({ otherwise: 'decimal' });
  if (type === 'BYTE_ARRAY' || logical?.type === 'UUID') return column({ type: 'string' });
  return column({ unfit: 'it is binary' });
}

/** Stretches of rows that are decoded together: small row groups together, large ones in parts. */
function* windows(metadata: FileMetaData, most: number): Generator<Stretch[]> {
  let window: Stretch[] = [];
  let rows = 0;
  let groupStart = 0;
  for (const group of metadata.row_groups) {
    const groupEnd = groupStart + Number(group.num_rows);
    for (let rowStart = groupStart; rowStart < groupEnd; ) {
      const rowEnd = Math.min(groupEnd, rowStart + most - rows);
      window.push({ rowStart, rowEnd });
      rows += rowEnd - rowStart;
      rowStart = rowEnd;
      if (rows < SAMPLE_ROWS) continue;
      yield window;
      window = [];
      rows = 0;
    }
    groupStart = groupEnd;
  }
  if (rows > 0) yield window;
}

/** Timestamps become days at once: of floored division, for a moment before 1970 too. */
const toDay = (time: bigint, day: bigint): Date => {
  const days = time / day - (time % day < 0n ? 1n : 0n);
  return new Date(Number(days) * 86_400_000);
};

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): unknown {
  try {
    return bytes && decoder.decode(bytes);
  } catch {
    return NO_TEXT;
  }
}

const PARSERS: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (time) => toDay(BigInt(time), DAY.milliseconds),
  timestampFromMicroseconds: (time) => toDay(time, DAY.microseconds),
  timestampFromNanoseconds: (time) => toDay(time, DAY.nanoseconds),
  stringFromBytes: textOf,
  jsonFromBytes: textOf,
};

/** Floats of 32 bits as the shortest decimals that mean the same: 0.1, where a double would say 0.10000000149011612. */
function shortened(values: DecodedArray): unknown[] {
  return Array.from(values as ArrayLike<unknown>, (value) => {
    if (typeof value !== 'number' || !Number.isFinite(value) || Number.isInteger(value)) return value;
    for (let digits = 6; digits < 9; digits++) {
      const short = Number(value.toPrecision(digits));
      if (Math.fround(short) === value) return short;
    }
    return Number(value.toPrecision(9));
  });
}

/** Those of hyparquet-compressors, but for what Node itself has. */
async function decompressors(): Promise<Compressors> {
  const { compressors } = await import('hyparquet-compressors');
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (bytes: Uint8Array) => Buffer };
  return {
    ...compressors,
    GZIP: (bytes) => zlib.gunzipSync(bytes),
    BROTLI: (bytes) => zlib.brotliDecompressSync(bytes),
    ...(zstdDecompressSync && { ZSTD: (bytes: Uint8Array) => zstdDecompressSync(bytes) }),
  };
}
