import { invalidArgument, NofaultError, show } from '../../errors';
import { type ColumnName, DEEPEST, type End, type Literal, MOST_VALUES, type Question } from './question';

const KINDS = ['eq', 'in', 'range', 'isNull', 'and', 'or', 'not'];
const BOUNDS = ['gt', 'gte', 'lt', 'lte'];
const DAY = 86_400_000;

/**
 * Reads an expression that is an object. Any object may come: each property is looked at once, and only if it is plain data. Throws `INVALID_ARGUMENT`, which names the place in the
 * object, or `LIMIT`.
 */
export function questionOfObject(where: unknown): Question {
  try {
    return new Reading().question(where, 'where', 1);
  } catch (cause) {
    if (cause instanceof NofaultError) throw cause;
    // A proxy's trap, or a proxy that was revoked.
    throw new NofaultError('INVALID_ARGUMENT', `where must be plain data, but looking at it failed: ${messageOf(cause)}`, { cause });
  }
}

class Reading {
  #count = 0;

  question(where: unknown, at: string, depth: number): Question {
    if (depth > DEEPEST) {
      throw new NofaultError(
        'INVALID_ARGUMENT',
        `where must have ${DEEPEST} levels at most, but ${at.slice(0, 60)}... goes on; does it contain itself?`,
      );
    }
    this.#counted();
    const [kind, given] = only(where, at);
    const place = `${at}.${kind}`;
    switch (kind) {
      case 'eq': {
        const [column, value] = pair(given, place, '[column, value]');
        return { kind: 'in', column: name(column, `${place}[0]`), values: [literal(value, `${place}[1]`)] };
      }
      case 'in': {
        const [column, values] = pair(given, place, '[column, values]');
        const list = elements(values, `${place}[1]`, 'an array of values');
        return {
          kind: 'in',
          column: name(column, `${place}[0]`),
          values: list.map((value, i) => {
            this.#counted();
            return literal(value, `${place}[1][${i}]`);
          }),
        };
      }
      case 'range': {
        const [column, bounds] = pair(given, place, '[column, bounds]');
        return { kind: 'range', column: name(column, `${place}[0]`), ...ends(bounds, `${place}[1]`) };
      }
      case 'isNull':
        return { kind: 'null', column: name(given, place) };
      case 'not':
        return { kind: 'not', part: this.question(given, place, depth + 1) };
      default: {
        const parts = elements(given, place, 'an array of expressions');
        return { kind: kind as 'and' | 'or', parts: parts.map((part, i) => this.question(part, `${place}[${i}]`, depth + 1)) };
      }
    }
  }

  #counted(): void {
    if (++this.#count > MOST_VALUES)
      throw new NofaultError('LIMIT', `an expression may have ${MOST_VALUES} values and parts, but more came`);
  }
}

/** The one property of an expression, and what it holds. */
function only(where: unknown, at: string): [string, unknown] {
  const expected = `an expression, an object with one of ${KINDS.join(', ')}`;
  if (typeof where !== 'object' || where === null || Array.isArray(where)) throw invalidArgument(at, expected, where);
  const keys = Object.keys(where);
  const [kind] = keys;
  if (kind === undefined || keys.length > 1 || !KINDS.includes(kind)) {
    throw new NofaultError('INVALID_ARGUMENT', `${at} must be ${expected}, but ${keysOf(keys)} came`);
  }
  return [kind, data(where, kind, at)];
}

function ends(bounds: unknown, at: string): { from?: End; to?: End } {
  const expected = `an object with at least one of ${BOUNDS.join(', ')}, and one bound a side`;
  if (typeof bounds !== 'object' || bounds === null || Array.isArray(bounds)) throw invalidArgument(at, expected, bounds);
  // A bound that is undefined is none, as everywhere in JavaScript.
  const given = new Map<string, unknown>();
  const keys = Object.keys(bounds);
  for (const key of keys.slice(0, BOUNDS.length + 1)) {
    const value = BOUNDS.includes(key) ? data(bounds, key, at) : null;
    if (value !== undefined) given.set(key, value);
  }
  const known = [...given.keys()].every((key) => BOUNDS.includes(key));
  if (!known || given.size === 0 || (given.has('gt') && given.has('gte')) || (given.has('lt') && given.has('lte'))) {
    throw new NofaultError('INVALID_ARGUMENT', `${at} must be ${expected}, but ${keysOf(keys)} came`);
  }
  const end = (exclusive: string, inclusive: string): End | undefined => {
    const key = given.has(exclusive) ? exclusive : inclusive;
    return given.has(key) ? { value: literal(given.get(key), `${at}.${key}`), inclusive: key === inclusive } : undefined;
  };
  const from = end('gt', 'gte');
  const to = end('lt', 'lte');
  return { ...(from && { from }), ...(to && { to }) };
}

function pair(given: unknown, at: string, expected: string): unknown[] {
  const list = elements(given, at, expected);
  if (list.length !== 2) throw invalidArgument(at, expected, `an array of ${list.length}`);
  return list;
}

/** A copy of an array, each element looked at once. */
function elements(given: unknown, at: string, expected: string): unknown[] {
  if (!Array.isArray(given)) throw invalidArgument(at, expected, given);
  const { length } = given;
  if (length > MOST_VALUES) throw new NofaultError('LIMIT', `${at} may have ${MOST_VALUES} elements, but ${length} came`);
  return Array.from({ length }, (_, i) => given[i] as unknown);
}

function data(object: object, key: string, at: string): unknown {
  const property = Object.getOwnPropertyDescriptor(object, key);
  if (property !== undefined && 'value' in property) return property.value;
  throw new NofaultError('INVALID_ARGUMENT', `${at}.${key} must be plain data, but a getter came`);
}

function name(given: unknown, at: string): ColumnName {
  if (typeof given !== 'string') throw invalidArgument(at, 'the name of a column', given);
  return { name: given, at };
}

function literal(value: unknown, at: string): Literal {
  switch (typeof value) {
    case 'string':
      return { type: 'string', string: value, at };
    case 'boolean':
      return { type: 'boolean', boolean: value, at };
    case 'bigint':
      return { type: 'number', decimal: decimalOf(value), at };
    case 'number':
      if (Number.isFinite(value)) return { type: 'number', decimal: String(value), binary: true, at };
      break;
    case 'object':
      if (value instanceof Date) return { type: 'day', day: dayOf(value, at), at };
  }
  const hint = value === null || value === undefined ? '; ask for null with { isNull: column }' : '';
  throw new NofaultError(
    'INVALID_ARGUMENT',
    `${at} must be a string, a finite number, a bigint, a boolean or a Date, but ${show(value)} came${hint}`,
  );
}

/** One that no column can hold is as good as any other such: it is not worth writing out. */
function decimalOf(value: bigint): string {
  const most = 10n ** 40n;
  return String(value > most ? most : value < -most ? -most : value);
}

function dayOf(date: Date, at: string): bigint {
  const time = Date.prototype.getTime.call(date);
  if (Number.isNaN(time)) throw invalidArgument(at, 'a day', 'an invalid Date');
  if (time % DAY !== 0)
    throw invalidArgument(at, "a day, which is a Date at midnight UTC, as new Date('2001-12-31') is", date.toISOString());
  return BigInt(time / DAY);
}

function keysOf(keys: readonly string[]): string {
  if (keys.length === 0) return 'an object with nothing in it';
  return `one with ${keys.slice(0, 8).map(show).join(', ')}${keys.length > 8 ? ', ...' : ''}`;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : show(cause);
}
