import type { Parser } from 'csv-parse';
import { NofaultError } from '../../errors';
import type { BadRows } from './bad-rows';
import { type ByteCount, linesOf } from './bytes';
import { BATCH_ROWS, type Batch, type Choose, SAMPLE_BYTES, SAMPLE_ROWS, type Source } from './source';

/** Bytes of the longest record, so that a quote which is never closed is an error rather than all of the file in memory. */
const LONGEST_RECORD = 16 * 2 ** 20;
/** What is looked for in the first line, in this order. */
const DELIMITERS = [',', ';', '\t', '|'];

/** CSV as RFC 4180 has it, with any delimiter; the first line has the names of the columns. */
export class CsvSource implements Source {
  constructor(
    readonly name: string,
    private readonly bytes: AsyncIterable<Uint8Array>,
    private readonly count: ByteCount,
    readonly bytesTotal: number | undefined,
    private readonly delimiter: string | undefined,
  ) {}

  get bytesRead(): number {
    return this.count.bytesRead;
  }

  async *read(choose: Choose, bad: BadRows): AsyncGenerator<Batch> {
    const table = new Table(this.name, choose, bad);
    let parser: Parser | undefined;
    let sampled = false;
    for await (const text of linesOf(this.bytes, this.name, LONGEST_RECORD)) {
      parser ??= this.#parser(this.delimiter ?? sniffDelimiter(text), table, bad);
      await written(parser, text, this.name);
      if (table.rows < (sampled ? BATCH_ROWS : SAMPLE_ROWS) && table.characters < SAMPLE_BYTES) continue;
      if (table.rows > 0) {
        yield table;
        sampled = true;
      }
      table.clear();
    }
    if (parser === undefined)
      throw new NofaultError('BAD_FORMAT', `${this.name} is empty: a line of names was expected`, { path: this.name });
    await written(parser, undefined, this.name);
    table.end();
    if (table.rows > 0) yield table;
  }

  #parser(delimiter: string, table: Table, bad: BadRows): Parser {
    const { parse } = require('csv-parse') as typeof import('csv-parse');
    // The line that the last record ended in.
    let last = 0;
    const parser = parse({
      delimiter,
      max_record_size: LONGEST_RECORD,
      relax_column_count: true,
      skip_empty_lines: true,
      skip_records_with_error: bad.policy === 'skip',
      // Handed over here, with the line, rather than through the stream.
      on_record: (record: string[], { lines }) => {
        table.add(record, lines);
        last = lines;
        return null;
      },
    });
    parser.on('skip', ({ code, message }: { code: string; message: string }) => {
      const { lines } = parser.info;
      // A quote that is not closed where it should be takes the lines up to the next one with it, and whoever counts rows has to know.
      // One record may have two of them, and counts once.
      if (lines > last) bad.refuse(lines > last + 1 ? `lines ${last + 1} to ${lines}` : `line ${lines}`, message);
      last = lines;
      // The parser would go on within the quotes, and so take all that follows for a part of this record. The rest of the line is.
      if (code === 'CSV_INVALID_CLOSING_QUOTE') (parser as unknown as { state: { quoting: boolean } }).state.quoting = false;
    });
    parser.on('error', () => {});
    return parser;
  }
}

/** Writes a piece of text to the parser, or its end, and waits until it has dealt with it. */
async function written(parser: Parser, text: Buffer | undefined, name: string): Promise<void> {
  const error = await new Promise<Error | null | undefined>((resolve) => {
    if (text !== undefined) parser.write(text, resolve);
    else {
      parser.once('error', resolve);
      parser.once('end', () => resolve(undefined));
      parser.end();
      parser.resume();
    }
  });
  if (!error) return;
  if (error instanceof NofaultError) throw error;
  throw new NofaultError('BAD_FORMAT', `${name} is no CSV from line ${parser.info.lines} on: ${error.message}`, {
    path: name,
    cause: error,
  });
}

/** The rows that the parser has come to, column by column. */
class Table implements Batch {
  rows = 0;
  /** Characters in these rows. */
  characters = 0;
  /** Rows until those were too many for a sample. */
  sample = 0;
  #columns: unknown[][] = [];
  #lines: number[] = [];
  #width = -1;
  #chosen: readonly number[] = [];

  constructor(
    private readonly source: string,
    private readonly choose: Choose,
    private readonly bad: BadRows,
  ) {}

  add(record: readonly string[], line: number): void {
    if (this.#width < 0) {
      this.#names(record);
      return;
    }
    if (record.length !== this.#width) {
      this.bad.refuse(`line ${line}`, `it has ${record.length} fields, and the first line ${this.#width}`);
      return;
    }
    const row = this.rows++;
    for (let column = 0; column < this.#chosen.length; column++) {
      const field = record[this.#chosen[column] as number] as string;
      (this.#columns[column] as unknown[])[row] = field;
      this.characters += field.length;
    }
    this.#lines[row] = line;
    if (this.characters < SAMPLE_BYTES) this.sample = this.rows;
  }

  clear(): void {
    this.rows = 0;
    this.characters = 0;
  }

  end(): void {
    if (this.#width < 0) throw new NofaultError('BAD_FORMAT', `${this.source} has no line of names`, { path: this.source });
  }

  column(index: number): ArrayLike<unknown> {
    return this.#columns[index] as unknown[];
  }

  place(row: number): string {
    return `line ${this.#lines[row]}`;
  }

  #names(names: readonly string[]): void {
    this.#width = names.length;
    this.#chosen = this.choose(names.map((name) => ({ name, text: true })));
    this.#columns = this.#chosen.map(() => []);
  }
}

/** The candidate that the first line has most of, outside of quotes; of equal ones the first. */
function sniffDelimiter(text: Buffer): string {
  const end = text.indexOf('\n');
  const line = text.toString('utf8', 0, end < 0 ? text.length : end).replace(/"(?:[^"]|"")*"/g, '');
  const counts = DELIMITERS.map((delimiter) => line.split(delimiter).length - 1);
  const most = Math.max(...counts);
  return most === 0 ? ',' : (DELIMITERS[counts.indexOf(most)] as string);
}
