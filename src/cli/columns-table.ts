import type { ColumnInfo } from '../index';
import { printable } from './file-names';
import { storedValue } from './stored-value';

/** The columns of an index for people, a line each. */
export function columnsTable(columns: readonly ColumnInfo[]): string[] {
  const texts = columns.map((column) => [printable(column.name), column.kind, typeOf(column), valuesOf(column), nullsOf(column)]);
  const widths = [0, 1, 2, 3].map((i) => Math.max(0, ...texts.map((text) => (text[i] as string).length)));
  return texts.map((text) =>
    text
      .map((word, i) => (i < 4 ? word.padEnd(widths[i] as number) : word))
      .join('  ')
      .trimEnd(),
  );
}

/** The same for programs: JSON has no bigints. */
export function columnsForJson(columns: readonly ColumnInfo[]): object[] {
  return columns.map(({ min, max, ...rest }) => ({ ...rest, ...(min !== undefined && { min: String(min), max: String(max) }) }));
}

function typeOf({ type, scale }: ColumnInfo): string {
  return type === 'decimal' ? `decimal(${scale})` : type;
}

function valuesOf(column: ColumnInfo): string {
  if (column.valueCount !== undefined) return `${column.valueCount} different`;
  return column.min === undefined || column.max === undefined
    ? 'none'
    : `${storedValue(column.min, column)} to ${storedValue(column.max, column)}`;
}

function nullsOf({ nulls }: ColumnInfo): string {
  return nulls === 0 ? '' : `${nulls} null`;
}
