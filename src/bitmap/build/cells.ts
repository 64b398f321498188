import { show } from '../../errors';
import type { ColumnType } from '../contract';

/** Why a value does not fit its column. Thrown, but no Error: there may be millions that nobody looks at. */
export class BadCell {
  constructor(
    readonly what: string,
    /** What to do about it, where the column is to blame. */
    readonly advice?: string,
  ) {}
}

/** A value as it is indexed: text, or a number (a bigint where it is beyond 2^53); null for none. Throws a BadCell. */
export type ReadCell = (value: unknown) => string | number | bigint | null;

const LEAST = -(2n ** 63n);
const GREATEST = 2n ** 63n - 1n;
const DAY = 86_400_000;

const INTEGER = /^\s*[+-]?\d+\s*$/;
const DECIMAL = /^\s*([+-]?)(\d+)(?:\.(\d*))?\s*$/;
const FLOAT = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;
/** A day, and perhaps a time of it, as ISO 8601 and RFC 3339 have it. */
const MOMENT = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;

/** What a column's values are read with. `text`: they come as text without quotes, in which an empty one is null. */
export interface CellType {
  readonly type: ColumnType;
  readonly scale: number;
  /** Whether numbers of more digits than the scale has are rounded, rather than bad. */
  readonly rounds: boolean;
  readonly text: boolean;
  /** Digits after the point of integers that the source has scaled already; undefined where it does not. */
  readonly scaled: number | undefined;
}

export function cellReader(cell: CellType): ReadCell {
  switch (cell.type) {
    case 'string':
      return cell.text ? (value) => (value === '' ? null : (value as string)) : stringOf;
    case 'boolean':
      return (value) => (value === '' ? null : booleanOf(value));
    case 'integer':
      return (value) => (value === '' ? null : integerOf(value));
    case 'date':
      return (value) => (value === '' ? null : dayOf(value));
    case 'decimal':
      return decimalReader(cell);
  }
}

function stringOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return null;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  throw unlike(value, 'text');
}

function booleanOf(value: unknown): number | null {
  if (value === true || value === false) return value ? 1 : 0;
  if (value === null || value === undefined) return null;
  if (value === 1 || value === 0) return value;
  if (typeof value === 'string') {
    const text = value.trim().toLowerCase();
    if (text === 'true' || text === 't' || text === '1') return 1;
    if (text === 'false' || text === 'f' || text === '0') return 0;
  }
  throw unlike(value, 'true or false');
}

function integerOf(value: unknown): number | bigint | null {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return value + 0;
    if (Number.isNaN(value)) return null;
    if (!Number.isInteger(value)) throw unlike(value, 'an integer');
    throw new BadCell(`${value} is beyond 2^53, where numbers are not exact`, 'give it as a bigint or as text');
  }
  if (typeof value === 'bigint') return within(value);
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') {
    if (INTEGER.test(value)) return value.length <= 15 ? Number(value) + 0 : within(BigInt(value.trim().replace(/^\+/, '')));
    if (value.trim().toLowerCase() === 'nan') return null;
  }
  throw unlike(value, 'an integer');
}

function decimalReader({ scale, rounds, scaled }: CellType): ReadCell {
  const factor = 10 ** scale;
  const rescale = scaled === undefined ? undefined : rescaler(scaled, scale);
  return (value) => {
    if (value === null || value === undefined || value === '') return null;
    if (rescale !== undefined) return rescale(value);
    if (typeof value === 'number') {
      if (Number.isNaN(value)) return null;
      const shifted = Math.sign(value) * Math.round(Math.abs(value) * factor) + 0;
      if (!Number.isSafeInteger(shifted)) {
        if (Number.isSafeInteger(value)) return within(BigInt(value) * 10n ** BigInt(scale));
        throw new BadCell(
          `${value} with ${scale} digits after the point is beyond what is exact`,
          'give it as text, or the column fewer digits',
        );
      }
      if (!rounds && shifted / factor !== value) throw tooFine(value, scale);
      return shifted;
    }
    if (typeof value === 'bigint') return within(value * 10n ** BigInt(scale));
    if (typeof value === 'string') return decimalOf(value, scale, rounds);
    throw unlike(value, 'a number');
  };
}

function decimalOf(text: string, scale: number, rounds: boolean): number | bigint | null {
  const parts = DECIMAL.exec(text);
  if (parts === null) {
    const trimmed = text.trim();
    if (trimmed.toLowerCase() === 'nan') return null;
    // 1e-3, and .5
    if (!FLOAT.test(text)) throw unlike(text, 'a number');
    const plain = plainDecimal(trimmed);
    return decimalOf(plain, scale, rounds);
  }
  const [, sign, whole, fraction = ''] = parts as unknown as [string, string, string, string | undefined];
  const kept = fraction.slice(0, scale).padEnd(scale, '0');
  const rest = fraction.slice(scale).replace(/0+$/, '');
  if (rest !== '' && !rounds) throw tooFine(text, scale);
  const up = rest !== '' && rest >= '5';
  const digits = whole + kept;
  if (digits.length <= 15) {
    const number = Number(digits) + (up ? 1 : 0);
    return (sign === '-' ? -number : number) + 0;
  }
  const number = BigInt(digits) + (up ? 1n : 0n);
  return within(sign === '-' ? -number : number);
}

/** A number in the notation of floats, with all its digits and without an exponent. */
export function plainDecimal(text: string): string {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const negative = mantissa.startsWith('-');
  const [whole = '', fraction = ''] = mantissa.replace(/^[+-]/, '').split('.');
  const shift = Number(exponent);
  if (Math.abs(shift) > 400) throw unlike(text, 'a number that can be indexed');
  const digits = whole + fraction;
  const point = whole.length + shift;
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0');
  const at = Math.max(1, point);
  return `${negative ? '-' : ''}${padded.slice(0, at)}.${padded.slice(at)}`;
}

/** For decimals that come as integers of `from` digits after the point, or as the big-endian bytes of such, and are wanted with `to`. */
function rescaler(from: number, to: number): ReadCell {
  const more = 10n ** BigInt(Math.max(0, to - from));
  const fewer = 10n ** BigInt(Math.max(0, from - to));
  return (value) => {
    if (from === to && typeof value === 'number') return value;
    const integer = value instanceof Uint8Array ? integerOfBytes(value) : BigInt(value as number | bigint);
    const scaled = integer * more;
    const rest = scaled % fewer;
    const away = 2n * (rest < 0n ? -rest : rest) >= fewer && fewer > 1n ? (integer < 0n ? -1n : 1n) : 0n;
    return within(scaled / fewer + away);
  };
}

function integerOfBytes(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
}

function dayOf(value: unknown): number | null {
  if (value instanceof Date) {
    const time = value.getTime();
    if (Number.isNaN(time)) throw new BadCell('it is a Date without a time');
    return Math.floor(time / DAY);
  }
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') {
    const day = dayOfText(value);
    if (day !== undefined) return day;
  }
  throw unlike(value, 'a date (YYYY-MM-DD, also with a time)');
}

/** Days since 1970-01-01: of the day as it is written, or where an offset from UTC is, of the moment in UTC. */
export function dayOfText(text: string): number | undefined {
  const parts = MOMENT.exec(text);
  if (parts === null) return undefined;
  const [year, month, day] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  const hour = Number(parts[4] ?? 0);
  const minute = Number(parts[5] ?? 0);
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (hour > 24 || minute > 59 || Number(parts[6] ?? 0) > 60) return undefined;
  const days = daysSinceEpoch(year, month, day);
  const zone = parts[7];
  if (zone === undefined || zone === 'Z' || zone === 'z') return days + (hour === 24 ? 1 : 0);
  const away = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', '') || 0);
  return days + Math.floor((hour * 60 + minute - (zone[0] === '-' ? -away : away)) / 1440);
}

/** Of the proleptic Gregorian calendar. Date.UTC takes years below 100 for those of the 20th century. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const years = month > 2 ? year : year - 1;
  const era = Math.floor(years / 400);
  const yearOfEra = years - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function within(value: bigint): number | bigint {
  if (value < LEAST || value > GREATEST) throw new BadCell(`${value} is beyond 64 bits`, 'index it as text');
  return value >= -9_007_199_254_740_991n && value <= 9_007_199_254_740_991n ? Number(value) : value;
}

function tooFine(value: unknown, scale: number): BadCell {
  const digits = scale === 1 ? '1 digit' : `${scale} digits`;
  return new BadCell(`${show(value)} has more than ${digits} after the point`, 'say how many the column has');
}

function unlike(value: unknown, expected: string): BadCell {
  const what = typeof value === 'symbol' ? value.description : show(value);
  return new BadCell(`${what} is not ${expected}`, 'say what type the column has');
}
