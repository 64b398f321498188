import fc from 'fast-check';
import type { Expression, Value } from '../../src/bitmap/contract';
import type { Stored, TableColumn } from './index-file';

const NAMES = ['place', 'late', 'distance', 'price', 'day', 'delay', 'cost', 'when'] as const;

/** Tables with a column of each kind and type; rows go over chunks, for a chunk has 65,536 and most of them nothing. */
export const tables: fc.Arbitrary<TableColumn[]> = fc
  .record({ rows: fc.integer({ min: 0, max: 60 }), nulls: fc.constantFrom(0, 0.3, 1), seed: fc.infiniteStream(fc.nat(2 ** 30)) })
  .map(({ rows, nulls, seed }) => {
    const next = (): number => seed.next().value as number;
    const column = (
      name: string,
      kind: TableColumn['kind'],
      type: TableColumn['type'],
      scale: number,
      make: (n: number) => Stored,
    ): TableColumn => {
      const some = next() % 2 === 0;
      const values = Array.from({ length: rows }, () => (some && next() / 2 ** 30 < nulls ? null : make(next())));
      return { name, kind, type, scale, values };
    };
    return [
      column('place', 'values', 'string', 0, (n) => STRINGS[n % STRINGS.length] as string),
      column('late', 'values', 'boolean', 0, (n) => n % 2 === 1),
      column('distance', 'values', 'integer', 0, (n) => BigInt(n % 40) - 10n),
      column('price', 'values', 'decimal', 2, (n) => BigInt(n % 400) - 200n),
      column('day', 'values', 'date', 0, (n) => BigInt(n % 30) - 10n),
      column('delay', 'numbers', 'integer', 0, (n) => BigInt(n % 3 === 0 ? 0 : n % 3 === 1 ? (n % 40) - 20 : (n % 200_000) - 100_000)),
      column('cost', 'numbers', 'decimal', 1, (n) => BigInt(n % 100) - 50n),
      column('when', 'numbers', 'date', 0, (n) => BigInt(n % 60) + 10n),
    ];
  });

const STRINGS = ['', 'a', 'ab', 'b', "it's", 'ß', '\u{1f600}', '\uffff', 'SEA', 'LAX', 'x'.repeat(300), 'x'.repeat(301)];

const words = fc.oneof(fc.constantFrom(...STRINGS), fc.string({ maxLength: 3, unit: 'grapheme' }));
const integers = fc.oneof(
  fc.integer({ min: -45, max: 45 }),
  fc.integer({ min: -200_000, max: 200_000 }),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
);
const decimals = fc.oneof(
  fc.integer({ min: -3000, max: 3000 }).map((n) => n / 1000),
  fc.integer({ min: -60, max: 60 }),
  fc.constantFrom(0.1, -0.05, -0),
);
const days = fc.integer({ min: -20, max: 80 }).chain((n) => {
  const date = new Date(n * 86_400_000);
  return fc.constantFrom<Value>(date, date.toISOString().slice(0, 10));
});

const VALUES: Readonly<Record<(typeof NAMES)[number], fc.Arbitrary<Value>>> = {
  place: words,
  late: fc.boolean(),
  distance: fc.oneof(integers, decimals),
  price: decimals,
  day: days,
  delay: fc.oneof(integers, decimals),
  cost: decimals,
  when: days,
};

const comparisons: fc.Arbitrary<Expression> = fc.constantFrom(...NAMES).chain((name): fc.Arbitrary<Expression> => {
  const value = VALUES[name];
  const range = fc
    .tuple(fc.option(fc.tuple(fc.constantFrom('gt', 'gte'), value)), fc.option(fc.tuple(fc.constantFrom('lt', 'lte'), value)))
    .filter((ends) => ends.some((end) => end !== null))
    .map((ends): Expression => ({ range: [name, Object.fromEntries(ends.filter((end) => end !== null))] }));
  return fc.oneof(
    value.map((one): Expression => ({ eq: [name, one] })),
    fc.array(value, { maxLength: 12 }).map((list): Expression => ({ in: [name, list] })),
    { arbitrary: range, weight: 3 },
    fc.constant<Expression>({ isNull: name }),
  );
});

/** Expressions over the columns of `tables`. */
export const expressions: fc.Arbitrary<Expression> = fc.letrec<{ any: Expression }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    comparisons,
    fc.array(tie('any'), { maxLength: 3 }).map((and): Expression => ({ and })),
    fc.array(tie('any'), { maxLength: 3 }).map((or): Expression => ({ or })),
    tie('any').map((not): Expression => ({ not })),
  ),
})).any;

/** The same in words, as a user may write it. An empty `and` or `or` has no words: undefined. */
export function textOf(where: Expression): string | undefined {
  if ('and' in where || 'or' in where) {
    const parts = ('and' in where ? where.and : where.or).map(textOf);
    return parts.length === 0 || parts.includes(undefined) ? undefined : `(${parts.join('and' in where ? ' and ' : ' OR ')})`;
  }
  if ('not' in where) {
    const part = textOf(where.not);
    return part && `not ${part}`;
  }
  if ('isNull' in where) return `"${where.isNull}" is null`;
  if ('eq' in where) return `${where.eq[0]}=${wordOf(where.eq[1])}`;
  if ('in' in where) return `${where.in[0]} in (${where.in[1].map(wordOf).join(', ')})`;
  const [name, { gt, gte, lt, lte }] = where.range;
  if (gte !== undefined && lte !== undefined) return `${name} Between ${wordOf(gte)} and ${wordOf(lte)}`;
  const tests = { '>': gt, '>=': gte, '<': lt, '<=': lte };
  return `(${Object.entries(tests)
    .flatMap(([sign, value]) => (value === undefined ? [] : [`${name} ${sign} ${wordOf(value)}`]))
    .join('\n and\t')})`;
}

function wordOf(value: Value): string {
  if (value instanceof Date) return `'${value.toISOString().slice(0, 10)}'`;
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}
