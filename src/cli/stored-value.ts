import type { ColumnInfo } from '../index';

const DAY = 86_400_000;

/** A number as the index has it, as a person writes it: a decimal with its point, a date as `YYYY-MM-DD`. */
export function storedValue(value: bigint, { type, scale }: Pick<ColumnInfo, 'type' | 'scale'>): string {
  if (type === 'date') return dateOf(value);
  if (scale === 0) return String(value);
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** Days that JavaScript's calendar does not reach stay a number. */
function dateOf(days: bigint): string {
  const date = new Date(Number(days) * DAY);
  return Number.isNaN(date.getTime()) ? `day ${days}` : date.toISOString().replace(/T.*/, '');
}
