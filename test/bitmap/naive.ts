import type { Bounds, Expression, Value } from '../../src/bitmap/contract';
import type { Stored, TableColumn } from './index-file';

/** The rows that an expression takes, found row by row with the three answers of SQL: true, false, and null for not known. */
export function naiveRows(where: Expression, columns: readonly TableColumn[], rowCount: number): number[] {
  const byName = new Map(columns.map((column) => [column.name, column]));
  return Array.from({ length: rowCount }, (_, row) => row).filter((row) => answer(where, byName, row) === true);
}

type Answer = boolean | null;

function answer(where: Expression, columns: ReadonlyMap<string, TableColumn>, row: number): Answer {
  const cell = (name: string): [Stored | null, TableColumn] => {
    const column = columns.get(name) as TableColumn;
    return [column.values[row] as Stored | null, column];
  };
  if ('and' in where) return every(where.and.map((part) => answer(part, columns, row)));
  if ('or' in where) {
    const negated = every(where.or.map((part) => not(answer(part, columns, row))));
    return not(negated);
  }
  if ('not' in where) return not(answer(where.not, columns, row));
  if ('isNull' in where) return cell(where.isNull)[0] === null;
  if ('eq' in where) {
    const [stored, column] = cell(where.eq[0]);
    return stored === null ? null : order(stored, where.eq[1], column) === 0;
  }
  if ('in' in where) {
    const [stored, column] = cell(where.in[0]);
    return stored === null ? null : where.in[1].some((value) => order(stored, value, column) === 0);
  }
  const [stored, column] = cell(where.range[0]);
  return stored === null ? null : within(stored, where.range[1], column);
}

function within(stored: Stored, { gt, gte, lt, lte }: Bounds, column: TableColumn): boolean {
  return (
    (gt === undefined || order(stored, gt, column) > 0) &&
    (gte === undefined || order(stored, gte, column) >= 0) &&
    (lt === undefined || order(stored, lt, column) < 0) &&
    (lte === undefined || order(stored, lte, column) <= 0)
  );
}

/** Below 0 where what is stored is less than the value, 0 where they are the same. */
function order(stored: Stored, value: Value, column: TableColumn): number {
  if (typeof stored === 'string') return Buffer.from(stored).compare(Buffer.from(value as string));
  if (typeof stored === 'boolean') return Number(stored) - Number(value);
  if (column.type === 'date') return Number(stored) - (value instanceof Date ? value : new Date(value as string)).getTime() / 86_400_000;
  // Ten digits behind the point are more than the tests have.
  const scaled = BigInt(Math.round(Number(value) * 1e5)) * 10n ** 5n;
  const exact = typeof value === 'bigint' ? value * 10n ** 10n : scaled;
  const difference = stored * 10n ** BigInt(10 - (column.scale ?? 0)) - exact;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function every(answers: readonly Answer[]): Answer {
  return answers.includes(false) ? false : answers.includes(null) ? null : true;
}

function not(answer: Answer): Answer {
  return answer === null ? null : !answer;
}
