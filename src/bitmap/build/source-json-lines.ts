import type { BadRows } from './bad-rows';
import { type ByteCount, linesOf } from './bytes';
import { type ExpectedKeys, RowTable } from './row-table';
import { BATCH_ROWS, type Batch, type Choose, type Source } from './source';

/** Bytes of the longest line. */
const LONGEST_LINE = 16 * 2 ** 20;
const NEWLINE = 0x0a;

/** One JSON object a line; lines without anything in them do not count. */
export class JsonLinesSource implements Source {
  constructor(
    readonly name: string,
    private readonly bytes: AsyncIterable<Uint8Array>,
    private readonly count: ByteCount,
    readonly bytesTotal: number | undefined,
    private readonly keys: ExpectedKeys,
  ) {}

  get bytesRead(): number {
    return this.count.bytesRead;
  }

  async *read(choose: Choose, bad: BadRows): AsyncGenerator<Batch> {
    const table = new RowTable(this.name, choose, bad, 'line', this.keys);
    let line = 0;
    for await (const text of linesOf(this.bytes, this.name, LONGEST_LINE)) {
      for (let start = 0; start < text.length; ) {
        const found = text.indexOf(NEWLINE, start);
        const end = found < 0 ? text.length : found;
        line += 1;
        add(table, text.toString('utf8', start, end), line, bad);
        start = end + 1;
      }
      if (!table.settled || table.rows < BATCH_ROWS) continue;
      yield table;
      table.clear();
    }
    table.settle();
    if (table.rows > 0) yield table;
  }
}

function add(table: RowTable, text: string, line: number, bad: BadRows): void {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (error) {
    if (text.trim() === '') return;
    const what =
      line === 1 && text.trimStart().startsWith('[') ? 'it begins a JSON array; one object a line was expected' : (error as Error).message;
    bad.refuse(`line ${line}`, what);
    return;
  }
  table.add(row, line, text.length);
}
