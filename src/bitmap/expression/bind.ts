import type { Column, Slices } from '../format';
import type { Bound, KeyBound, Stretch } from './bound';
import { nearest } from './nearest';
import type { ColumnName, End, Literal, Question, Refuse } from './question';
import { GREATEST, keyOf, keyOfNumber, LEAST, scaledOf } from './values';

const ALL: Bound = { kind: 'all' };
const NONE: Bound = { kind: 'none' };

/** Names of columns that an error lists. */
const LISTED = 10;

/** The columns of an index, by name. */
export type Columns = ReadonlyMap<string, Column>;

/** The column that is meant; refuses a name that is not in the index, and says which one may have been. */
export function columnNamed({ name, at }: ColumnName, columns: Columns, refuse: Refuse): Column {
  const column = columns.get(name);
  if (column !== undefined) return column;
  const names = [...columns.keys()];
  const near = nearest(name, names);
  const listed = names.slice(0, LISTED).map((known) => JSON.stringify(known));
  const hint =
    near !== undefined
      ? `did you mean ${JSON.stringify(near)}?`
      : `there ${names.length === 1 ? 'is' : 'are'} ${names.length === 0 ? 'none' : listed.join(', ')}${names.length > LISTED ? ', ...' : ''}`;
  return refuse(`there is no column ${JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}...` : name)}: ${hint}`, at);
}

/**
 * Checks a question against the columns of an index. In SQL a comparison with null is neither true nor false, and `not` leaves it at that: so what is
 * negated is taken from the rows that have a value, and `not` goes down to the comparisons.
 */
export function bind(question: Question, columns: Columns, refuse: Refuse): Bound {
  return new Binding(columns, refuse).bound(question, false);
}

class Binding {
  readonly #columns: Columns;
  readonly #refuse: Refuse;

  constructor(columns: Columns, refuse: Refuse) {
    this.#columns = columns;
    this.#refuse = refuse;
  }

  bound(question: Question, negated: boolean): Bound {
    switch (question.kind) {
      case 'not':
        return this.bound(question.part, !negated);
      case 'and':
      case 'or': {
        const parts = question.parts.map((part) => this.bound(part, negated));
        return (question.kind === 'and') === negated ? either(parts) : both(parts);
      }
      case 'null': {
        const column = columnNamed(question.column, this.#columns, this.#refuse);
        return negated ? exists(column) : minus(ALL, exists(column));
      }
      default: {
        const column = columnNamed(question.column, this.#columns, this.#refuse);
        const bound = question.kind === 'in' ? this.#in(column, question.values) : this.#range(column, question.from, question.to);
        return negated ? minus(exists(column), bound) : bound;
      }
    }
  }

  #in(column: Column, values: readonly Literal[]): Bound {
    if (column.type === 'string' || column.type === 'boolean')
      return keys(
        column,
        values.map((value) => this.#key(column, value)),
      );
    const numbers: bigint[] = [];
    for (const value of values) {
      const { floor, exact } = this.#scaled(column, value);
      if (exact && floor >= LEAST && floor <= GREATEST) numbers.push(floor);
    }
    if (column.kind === 'values') return keys(column, numbers.map(keyOfNumber));
    return stretches(
      column,
      numbers.map((number) => ({ least: number, greatest: number })),
    );
  }

  #range(column: Column, from: End | undefined, to: End | undefined): Bound {
    if (column.type === 'string' || column.type === 'boolean') {
      const ends = [from, to].map((end) => end && { key: this.#key(column, end.value), inclusive: end.inclusive });
      return between(column, ends[0], ends[1]);
    }
    let least = LEAST;
    if (from !== undefined) {
      const { floor, exact } = this.#scaled(column, from.value);
      least = exact && from.inclusive ? floor : floor + 1n;
    }
    let greatest = GREATEST;
    if (to !== undefined) {
      const { floor, exact } = this.#scaled(column, to.value);
      greatest = exact && !to.inclusive ? floor - 1n : floor;
    }
    if (column.kind === 'numbers') return stretches(column, [{ least, greatest }]);
    if (least > greatest || least > GREATEST || greatest < LEAST) return NONE;
    return between(
      column,
      least > LEAST ? { key: keyOfNumber(least), inclusive: true } : undefined,
      greatest < GREATEST ? { key: keyOfNumber(greatest), inclusive: true } : undefined,
    );
  }

  #scaled(column: Column, value: Literal) {
    return scaledOf(value, column.type, column.scale, column.name, this.#refuse);
  }

  #key(column: Column, value: Literal): Buffer {
    return keyOf(value, column.type, column.name, this.#refuse);
  }
}

/** The rows that have a value. */
export function exists(column: Column): Bound {
  if (column.nulls === 0) return ALL;
  return column.exists === undefined || column.exists.cardinality === 0 ? NONE : { kind: 'exists', column };
}

function keys(column: Column, given: Buffer[]): Bound {
  const sorted = given.sort(Buffer.compare).filter((key, i) => i === 0 || !key.equals(given[i - 1] as Buffer));
  return sorted.length === 0 ? NONE : { kind: 'keys', column, keys: sorted };
}

function between(column: Column, from: KeyBound | undefined, to: KeyBound | undefined): Bound {
  if (from === undefined && to === undefined) return exists(column);
  if (from !== undefined && to !== undefined) {
    const order = from.key.compare(to.key);
    if (order > 0 || (order === 0 && !(from.inclusive && to.inclusive))) return NONE;
    if (order === 0) return { kind: 'keys', column, keys: [from.key] };
  }
  return { kind: 'between', column, from, to };
}

/** Sorted, joined where they touch, and cut to what the column has. */
function stretches(column: Column, given: Stretch[]): Bound {
  const { min, max, bits } = column.slices as Slices;
  if (bits.length === 0) return NONE;
  const joined: { least: bigint; greatest: bigint }[] = [];
  for (const one of given.sort((a, b) => (a.least < b.least ? -1 : a.least > b.least ? 1 : 0))) {
    const least = one.least < min ? min : one.least;
    const greatest = one.greatest > max ? max : one.greatest;
    if (least > greatest) continue;
    const last = joined.at(-1);
    if (last === undefined || least > last.greatest + 1n) joined.push({ least, greatest });
    else if (greatest > last.greatest) last.greatest = greatest;
  }
  const [first] = joined;
  if (first === undefined) return NONE;
  return first.least === min && first.greatest === max ? exists(column) : { kind: 'slices', column, stretches: joined };
}

function minus(from: Bound, what: Bound): Bound {
  if (from.kind === 'none' || what.kind === 'none') return from;
  return what.kind === 'all' ? NONE : { kind: 'minus', from, what };
}

/** What is asked of one column several times becomes one question: a range has one beginning and one end, a list is searched for in one pass. */
function both(given: readonly Bound[]): Bound {
  const parts: Bound[] = [];
  const ranges = new Map<Column, number>();
  for (const part of given.flatMap((one) => (one.kind === 'and' ? one.parts : [one]))) {
    if (part.kind === 'none') return NONE;
    if (part.kind === 'all') continue;
    const place = part.kind === 'between' || part.kind === 'slices' ? ranges.get(part.column) : undefined;
    if (place === undefined) {
      if (part.kind === 'between' || part.kind === 'slices') ranges.set(part.column, parts.length);
      parts.push(part);
      continue;
    }
    const met = meet(parts[place] as Bound, part);
    if (met.kind === 'none') return NONE;
    // One key may be left, which is no range any more.
    if (met.kind !== 'between' && met.kind !== 'slices') ranges.delete((part as { column: Column }).column);
    parts[place] = met;
  }
  return parts.length === 0 ? ALL : parts.length === 1 ? (parts[0] as Bound) : { kind: 'and', parts };
}

function meet(a: Bound, b: Bound): Bound {
  if (a.kind === 'between' && b.kind === 'between') {
    return between(a.column, narrower(a.from, b.from, 1), narrower(a.to, b.to, -1));
  }
  if (a.kind !== 'slices' || b.kind !== 'slices') throw new Error('only ranges of one kind meet');
  const met: Stretch[] = [];
  for (let i = 0, j = 0; i < a.stretches.length && j < b.stretches.length; ) {
    const [one, other] = [a.stretches[i] as Stretch, b.stretches[j] as Stretch];
    met.push({
      least: one.least > other.least ? one.least : other.least,
      greatest: one.greatest < other.greatest ? one.greatest : other.greatest,
    });
    if (one.greatest < other.greatest) i++;
    else j++;
  }
  return stretches(a.column, met);
}

function narrower(a: KeyBound | undefined, b: KeyBound | undefined, sign: 1 | -1): KeyBound | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const order = a.key.compare(b.key) * sign;
  return order > 0 || (order === 0 && !a.inclusive) ? a : b;
}

function either(given: readonly Bound[]): Bound {
  const parts: Bound[] = [];
  const lists = new Map<Column, Buffer[]>();
  for (const part of given.flatMap((one) => (one.kind === 'or' ? one.parts : [one]))) {
    if (part.kind === 'all') return ALL;
    if (part.kind === 'none') continue;
    if (part.kind !== 'keys') {
      parts.push(part);
      continue;
    }
    const list = lists.get(part.column);
    if (list === undefined) lists.set(part.column, [...part.keys]);
    else for (const key of part.keys) list.push(key);
  }
  for (const [column, list] of lists) parts.push(keys(column, list));
  return parts.length === 0 ? NONE : parts.length === 1 ? (parts[0] as Bound) : { kind: 'or', parts };
}
