import { invalidArgument, NofaultError } from '../../errors';
import { LONGEST_NAME, MOST_COLUMNS } from '../format';
import type { ColumnSpec } from './contract';
import type { SourceColumn } from './source';

/** A column of the source that is to be indexed. */
export interface WantedColumn {
  readonly index: number;
  readonly column: SourceColumn;
  readonly spec: ColumnSpec;
}

const KINDS = ['values', 'numbers', 'none'];
const TYPES = ['string', 'boolean', 'integer', 'decimal', 'date'];
const ALL = '*';

/** Checks what can be checked of the caller's columns before the source is known. */
export function checkColumns(columns: unknown): void {
  if (columns === undefined) return;
  if (!Array.isArray(columns)) throw invalidArgument('options.columns', 'an array of columns', columns);
  const names = new Set<string>();
  for (const [i, column] of columns.entries()) {
    const what = `options.columns[${i}]`;
    if (typeof column !== 'object' || column === null) throw invalidArgument(what, 'an object with a name', column);
    const { name, kind, type, scale } = column as Record<string, unknown>;
    if (typeof name !== 'string' || name === '') throw invalidArgument(`${what}.name`, 'a name', name);
    if (names.has(name)) throw invalidArgument(`${what}.name`, 'a name that no other has', name);
    names.add(name);
    if (kind !== undefined && !KINDS.includes(kind as string)) throw invalidArgument(`${what}.kind`, "'values', 'numbers' or 'none'", kind);
    if (type !== undefined && !TYPES.includes(type as string)) {
      throw invalidArgument(`${what}.type`, "'string', 'boolean', 'integer', 'decimal' or 'date'", type);
    }
    if (scale !== undefined && !(Number.isInteger(scale) && (scale as number) >= 0 && (scale as number) <= 18)) {
      throw invalidArgument(`${what}.scale`, 'a whole number from 0 to 18', scale);
    }
    if (kind === 'numbers' && (type === 'string' || type === 'boolean')) {
      throw invalidArgument(what, 'of kind values, or a number or date', `type ${type} with kind numbers`);
    }
    if (scale !== undefined && type !== undefined && type !== 'decimal')
      throw invalidArgument(`${what}.type`, "'decimal' where there is a scale", type);
  }
}

/** Which columns of the source are to be indexed, in this order. */
export function wantedColumns(there: readonly SourceColumn[], specs: readonly ColumnSpec[] | undefined, source: string): WantedColumn[] {
  const places = new Map<string, number>();
  const twice = new Set<string>();
  for (const [index, { name }] of there.entries()) {
    if (places.has(name)) twice.add(name);
    else places.set(name, index);
  }
  const named = new Set(specs?.map(({ name }) => name));
  const wanted: WantedColumn[] = [];
  for (const spec of specs ?? [{ name: ALL }]) {
    if (spec.name === ALL && !places.has(ALL)) {
      for (const [index, column] of there.entries())
        if (!named.has(column.name)) wanted.push({ index, column, spec: { ...spec, name: column.name } });
      continue;
    }
    const index = places.get(spec.name);
    if (index === undefined) {
      const names = there.slice(0, 20).map(({ name }) => JSON.stringify(name));
      const list = there.length === 0 ? 'it has none' : `there are ${names.join(', ')}${there.length > names.length ? ', ...' : ''}`;
      throw new NofaultError('INVALID_ARGUMENT', `${source} has no column ${JSON.stringify(spec.name)}: ${list}`);
    }
    if (spec.kind !== 'none') wanted.push({ index, column: there[index] as SourceColumn, spec });
  }
  if (wanted.length > MOST_COLUMNS)
    throw new NofaultError('LIMIT', `${wanted.length} columns are more than the ${MOST_COLUMNS} that an index can have`);
  for (const { column } of wanted) {
    const { name, unfit } = column;
    const shown = JSON.stringify(name);
    if (twice.has(name)) throw new NofaultError('BAD_FORMAT', `${source} has two columns called ${shown}: rename one, or leave them out`);
    const length = Buffer.byteLength(name);
    if (length === 0 || length > LONGEST_NAME) {
      throw new NofaultError(
        'BAD_FORMAT',
        `${source} has a column whose name has ${length} bytes, and 1 to ${LONGEST_NAME} can be indexed: rename it, or name the columns to index`,
      );
    }
    if (unfit !== undefined) {
      throw new NofaultError(
        'INVALID_ARGUMENT',
        `column ${shown} of ${source} cannot be indexed, for ${unfit}: leave it out by naming the columns to index`,
      );
    }
  }
  return wanted;
}
