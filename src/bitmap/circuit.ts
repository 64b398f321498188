import { allOf, anyOf, NONE, rowsOf, without } from './combine';
import type { Stretch } from './expression/bound';
import type { Slices } from './format';
import type { Tree } from './tree';

/** Rows that have a number; or with `not` all that have one but these. So a digit that is 0 needs no bitmap of its own until the very end. */
interface Signed {
  readonly rows: Tree;
  readonly not: boolean;
}

const NOTHING: Signed = { rows: NONE, not: false };
const EVERYTHING: Signed = { rows: NONE, not: true };

/**
 * The rows whose number lies in one of the stretches, which ascend; `exists` are those that have one. Digit by digit from the sign down, as in P. O'Neil and D. Quass,
 * "Improved Query Performance with Variant Indexes" (SIGMOD 1997): a stretch needs each slice at most twice, and none below the digit at which it is decided.
 */
export function circuitOf(slices: Slices, stretches: readonly Stretch[], exists: Tree): Tree {
  const { min, max, bits } = slices;
  const sign = bits.length - 1;
  // Whatever lies beyond the least and the greatest is as good as within: what begins at the least needs no lower end.
  const open = stretches.map(({ least, greatest }) => ({
    least: least <= min ? -(1n << BigInt(sign)) : least,
    greatest: greatest >= max ? (1n << BigInt(sign)) - 1n : greatest,
  }));
  const digits = bits.map((ref): Signed => ({ rows: rowsOf(ref), not: false }));
  // The sign says that a number is small, every other digit that it is large.
  digits[sign] = inverse(digits[sign] as Signed);

  /** Numbers from `base` on that differ in the digits up to `digit` only; of the stretches, those from `from` up to `to` reach into them. */
  const within = (digit: number, base: bigint, from: number, to: number): Signed => {
    const last = base + (1n << BigInt(digit + 1)) - 1n;
    if (from === to) return NOTHING;
    const { least, greatest } = open[from] as Stretch;
    if (least <= base && greatest >= last) return EVERYTHING;
    const middle = base + (1n << BigInt(digit));
    let split = from;
    while (split < to && (open[split] as Stretch).greatest < middle) split++;
    const reachesDown = split < to && (open[split] as Stretch).least < middle;
    const low = within(digit - 1, base, from, reachesDown ? split + 1 : split);
    const high = within(digit - 1, middle, split, to);
    return choose(digits[digit] as Signed, low, high);
  };
  const { rows, not } = within(sign, -(1n << BigInt(sign)), 0, open.length);
  return not ? without(exists, rows) : rows;
}

/** `high` where the digit is set, `low` where it is not. */
function choose(digit: Signed, low: Signed, high: Signed): Signed {
  if (low === EVERYTHING) return high === EVERYTHING ? EVERYTHING : or(inverse(digit), high);
  if (high === EVERYTHING) return or(digit, low);
  if (low === NOTHING) return high === NOTHING ? NOTHING : and(digit, high);
  if (high === NOTHING) return and(inverse(digit), low);
  return or(and(inverse(digit), low), and(digit, high));
}

function inverse({ rows, not }: Signed): Signed {
  return { rows, not: !not };
}

function and(a: Signed, b: Signed): Signed {
  if (a.not && b.not) return { rows: anyOf([a.rows, b.rows]), not: true };
  if (a.not) return { rows: without(b.rows, a.rows), not: false };
  if (b.not) return { rows: without(a.rows, b.rows), not: false };
  return { rows: allOf([a.rows, b.rows]), not: false };
}

function or(a: Signed, b: Signed): Signed {
  return inverse(and(inverse(a), inverse(b)));
}
