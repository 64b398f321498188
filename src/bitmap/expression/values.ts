import type { ColumnType } from '../contract';
import type { Literal, Refuse } from './question';

/** A number, on the scale of a column: the greatest integer that is not above it, and whether it is that one. */
export interface Scaled {
  readonly floor: bigint;
  readonly exact: boolean;
}

/** The least and the greatest number that an index can hold. */
export const LEAST = -(2n ** 63n);
export const GREATEST = 2n ** 63n - 1n;

/** Digits before the point that are told apart: far more than any column has. */
const MOST_DIGITS = 40;
const DAY = 86_400_000;
const EXACT = BigInt(Number.MAX_SAFE_INTEGER);

const EXAMPLES: Readonly<Record<ColumnType, string>> = {
  string: "a string, as in 'SEA'",
  boolean: 'true or false',
  integer: 'a number, as in 60',
  decimal: 'a number, as in 12.50',
  date: "a day, as in '2001-12-31'",
};

/** What a value is as a number of a column of integers, decimals or dates. Refuses one of another type. */
export function scaledOf(literal: Literal, type: ColumnType, scale: number, column: string, refuse: Refuse): Scaled {
  if (type === 'date') {
    if (literal.type === 'day') return { floor: literal.day, exact: true };
    if (literal.type !== 'string') return refuse(mismatch(literal, type, column), literal.at);
    const day = dayOf(literal.string);
    if (day === undefined) {
      refuse(`column ${JSON.stringify(column)} has days, as in '2001-12-31', and ${shown(literal)} is none`, literal.at);
    }
    return { floor: day, exact: true };
  }
  if (literal.type !== 'number') return refuse(mismatch(literal, type, column), literal.at);
  const scaled = scale10(literal.decimal, scale);
  const { floor } = scaled;
  if (literal.binary && (floor > EXACT || floor < -EXACT) && floor <= GREATEST && floor >= LEAST) {
    refuse(
      `${literal.decimal} is more than a JavaScript number holds exactly on the scale of column ${JSON.stringify(column)}: give a bigint, or the expression as text`,
      literal.at,
    );
  }
  return scaled;
}

/** The key of a value of a string or boolean column. Refuses one of another type. */
export function keyOf(literal: Literal, type: ColumnType, column: string, refuse: Refuse): Buffer {
  if (type === 'boolean' && literal.type === 'boolean') return Buffer.of(literal.boolean ? 1 : 0);
  if (type !== 'string' || literal.type !== 'string') return refuse(mismatch(literal, type, column), literal.at);
  if (/\p{Surrogate}/u.test(literal.string))
    refuse(`${shown(literal)} has half a surrogate pair in it, which no text in UTF-8 can have`, literal.at);
  return Buffer.from(literal.string);
}

/** The key of an integer, a scaled decimal or a day, within LEAST and GREATEST. */
export function keyOfNumber(number: bigint): Buffer {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt.asUintN(64, number) ^ (1n << 63n));
  return key;
}

/** The number that a key of 8 bytes stands for. */
export function numberOfKey(key: Buffer): bigint {
  return BigInt.asIntN(64, key.readBigUInt64BE() ^ (1n << 63n));
}

function mismatch(literal: Literal, type: ColumnType, column: string): string {
  return `column ${JSON.stringify(column)} is of type ${type} and is compared with ${EXAMPLES[type]}, but ${shown(literal)} came`;
}

function shown(literal: Literal): string {
  switch (literal.type) {
    case 'string':
      return literal.string.length > 60 ? `'${literal.string.slice(0, 60)}'...` : `'${literal.string}'`;
    case 'number':
      return literal.decimal.length > 60 ? `${literal.decimal.slice(0, 60)}...` : literal.decimal;
    case 'boolean':
      return String(literal.boolean);
    case 'day':
      return 'a Date';
  }
}

/** `decimal` times 10 ** scale. By its digits, for no number of any size may be rounded or cost more than its length. */
function scale10(decimal: string, scale: number): Scaled {
  const [, sign, whole, fraction, power] = /^([-+]?)0*(\d*)\.?(\d*)(?:e([-+]?\d+))?$/i.exec(decimal) as RegExpExecArray;
  const written = `${whole}${fraction}`;
  const digits = written.replace(/^0+/, '');
  // The point stands behind so many of the digits, when all is multiplied.
  const point = (whole as string).length - (written.length - digits.length) + Number(power ?? 0) + scale;
  if (digits === '') return { floor: 0n, exact: true };
  const negative = sign === '-';
  if (point > MOST_DIGITS + scale) return { floor: (negative ? -1n : 1n) * 10n ** BigInt(MOST_DIGITS + scale), exact: true };
  const kept = point > 0 ? digits.slice(0, point).padEnd(point, '0') : '0';
  const exact = point >= digits.length || !/[1-9]/.test(digits.slice(Math.max(0, point)));
  const magnitude = BigInt(kept);
  return { floor: negative ? (exact ? -magnitude : -magnitude - 1n) : magnitude, exact };
}

/** Days since 1970-01-01 of `YYYY-MM-DD`; undefined where that is no day. */
function dayOf(text: string): bigint | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return undefined;
  const time = Date.parse(text);
  // Date.parse refuses the 32nd but takes February 30th for March 1st in some engines.
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text) ? BigInt(time / DAY) : undefined;
}
