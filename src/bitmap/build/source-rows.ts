import type { BadRows } from './bad-rows';
import type { RowObject } from './contract';
import type { Pacer } from './pacer';
import { type ExpectedKeys, RowTable } from './row-table';
import { BATCH_ROWS, type Batch, type Choose, type Source } from './source';

/** Rows between two looks at the clock. */
const ROWS_A_LOOK = 64;

/** Row objects of the program. */
export class RowsSource implements Source {
  readonly name = 'the rows';
  readonly bytesRead = 0;
  readonly bytesTotal = undefined;

  constructor(
    private readonly rows: Iterable<RowObject> | AsyncIterable<RowObject>,
    private readonly pacer: Pacer,
    private readonly keys: ExpectedKeys,
  ) {}

  async *read(choose: Choose, bad: BadRows): AsyncGenerator<Batch> {
    const table = new RowTable(this.name, choose, bad, 'row', this.keys);
    // An iterable that is not asynchronous is not made so: that would cost a promise a row.
    const asynchronous = Symbol.asyncIterator in this.rows;
    const iterator = Symbol.asyncIterator in this.rows ? this.rows[Symbol.asyncIterator]() : this.rows[Symbol.iterator]();
    let count = 0;
    // One that has ended, or has thrown, is not to be told so.
    let over = false;
    try {
      for (;;) {
        over = true;
        const step = iterator.next();
        const next = asynchronous
          ? await this.pacer.orAborted(step as Promise<IteratorResult<RowObject>>)
          : (step as IteratorResult<RowObject>);
        if (next.done) break;
        over = false;
        table.add(next.value, ++count);
        if (count % ROWS_A_LOOK === 0 && this.pacer.due) await this.pacer.pause();
        if (!table.settled || table.rows < BATCH_ROWS) continue;
        yield table;
        table.clear();
      }
    } finally {
      if (!over) await iterator.return?.();
    }
    table.settle();
    if (table.rows > 0) yield table;
  }
}
