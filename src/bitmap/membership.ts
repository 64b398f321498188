import type { NativeHeader } from '../native';
import { FORM, PLACE } from '../native/bitmap';

/** Where one value's presence is to be read: what of the bitmap, and how. */
export interface Sought {
  /** Bytes from the start of the bitmap. */
  readonly offset: number;
  readonly length: number;
  /** Whether these bytes say that the value is there; undefined when they make no sense. */
  has(bytes: Uint8Array): boolean | undefined;
}

/** Whether the bitmap has the value, as far as its header says, or what tells. */
export function seek(header: NativeHeader, value: number): boolean | Sought {
  const place = header.find(value >>> 16);
  if (place === undefined) return false;
  const low = value & 0xffff;
  const cardinality = place[PLACE.cardinality] as number;
  const offset = place[PLACE.offset] as number;
  const length = place[PLACE.length] as number;
  if (cardinality === 65_536) return true;
  switch (place[PLACE.form]) {
    case FORM.bitset:
      return { offset: offset + (low >>> 3), length: 1, has: (bytes) => (((bytes[0] as number) >>> (low & 7)) & 1) === 1 };
    case FORM.array:
      return { offset, length, has: (bytes) => inArray(bytes, cardinality, low) };
    default:
      return { offset, length, has: (bytes) => inRuns(bytes, low) };
  }
}

function inArray(bytes: Uint8Array, count: number, value: number): boolean {
  const i = lastNotAbove(count, value, (at) => read16(bytes, 2 * at));
  return i >= 0 && read16(bytes, 2 * i) === value;
}

function inRuns(bytes: Uint8Array, value: number): boolean | undefined {
  const count = read16(bytes, 0);
  if (2 + 4 * count > bytes.length) return undefined;
  const i = lastNotAbove(count, value, (at) => read16(bytes, 2 + 4 * at));
  return i >= 0 && value - read16(bytes, 2 + 4 * i) <= read16(bytes, 4 + 4 * i);
}

/** The last of `count` ascending numbers that is not above `value`; -1 when all are. */
function lastNotAbove(count: number, value: number, at: (i: number) => number): number {
  let [from, to] = [0, count];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (at(middle) <= value) from = middle + 1;
    else to = middle;
  }
  return from - 1;
}

function read16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}
