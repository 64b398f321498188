import { type TableColumn, writeIndex } from './index-file';

const day = (text: string): bigint => BigInt(new Date(text).getTime() / 86_400_000);

/** A small table with a column of every kind and type. */
export const FLIGHTS: readonly TableColumn[] = [
  { name: 'origin', kind: 'values', type: 'string', values: ['SEA', 'SFO', 'SEA', null, 'LAX', 'SEA', "O'Hare", 'Zürich'] },
  { name: 'delay', kind: 'numbers', type: 'integer', values: [61n, -5n, null, 0n, 61n, 200n, -12n, 7n] },
  { name: 'price', kind: 'numbers', type: 'decimal', scale: 2, values: [1250n, 100n, 99n, null, 5n, -5n, 10_000n, 1250n] },
  {
    name: 'date',
    kind: 'values',
    type: 'date',
    values: ['2001-01-01', '2001-01-02', '2001-01-02', '2000-02-29', '2001-12-31', '1969-12-31', '2001-01-02', '2001-01-03'].map(day),
  },
  { name: 'cancelled', kind: 'values', type: 'boolean', values: [false, false, true, null, false, true, false, false] },
  { name: 'is null', kind: 'values', type: 'integer', values: [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n] },
];

export function writeFlights(path: string): string {
  return writeIndex(path, FLIGHTS);
}
