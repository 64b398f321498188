import fc from 'fast-check';
import { type BitmapIndex, type Expression, NofaultError, openIndex } from '../../src/index';
import { expectRejected, expectThrown } from '../failures';
import { TestFiles } from '../files';
import { writeFlights } from './flights';

const files = TestFiles.make();
let index: BitmapIndex;

beforeAll(async () => {
  index = await openIndex(writeFlights(files.path('flights')));
});
afterAll(() => index.close());

const cycle: { and: unknown[] } = { and: [] };
cycle.and.push(cycle);
const revoked = Proxy.revocable({}, {});
revoked.revoke();
const deep = Array.from({ length: 201 }).reduce<unknown>((inner) => ({ not: inner }), { isNull: 'delay' });

test.each<[string, unknown, string]>([
  ['nothing', undefined, 'where must be an expression'],
  ['null', null, 'where must be an expression, an object with one of eq, in, range, isNull, and, or, not, but null came'],
  ['a number', 5, 'but 5 came'],
  ['an array', [], 'but an object of class Array came'],
  ['a function', () => {}, 'but a function came'],
  ['an empty object', {}, 'an object with nothing in it came'],
  ['two at once', { eq: ['delay', 1], not: {} }, 'one with "eq", "not" came'],
  ['an unknown key', { equals: ['delay', 1] }, 'one with "equals" came'],
  ['a key of Object.prototype', { toString: 1 }, 'one with "toString" came'],
  ['eq without a value', { eq: ['delay'] }, 'where.eq must be [column, value], but "an array of 1" came'],
  ['eq of an object', { eq: { delay: 1 } }, 'where.eq must be [column, value]'],
  ['a column that is no name', { eq: [1, 1] }, 'where.eq[0] must be the name of a column, but 1 came'],
  ['NaN', { eq: ['delay', Number.NaN] }, 'where.eq[1] must be a string, a finite number'],
  ['infinity', { range: ['delay', { lt: Number.POSITIVE_INFINITY }] }, 'where.range[1].lt must be a string, a finite number'],
  ['null as a value', { eq: ['delay', null] }, 'ask for null with { isNull: column }'],
  ['a hole', { in: ['delay', Object.assign(new Array(3), { 0: 1, 2: 2 })] }, 'where.in[1][1] must be'],
  ['a symbol', { eq: ['delay', Symbol('x')] }, 'but Symbol(x) came'],
  ['an object as a value', { eq: ['delay', { $ne: 1 }] }, 'where.eq[1] must be a string'],
  ['an invalid Date', { eq: ['date', new Date('x')] }, 'an invalid Date'],
  ['a Date with a time', { eq: ['date', new Date('2001-01-01T10:00:00Z')] }, 'a Date at midnight UTC'],
  ['a list that is none', { in: ['delay', 'abc'] }, 'where.in[1] must be an array of values'],
  ['a range without bounds', { range: ['delay', {}] }, 'at least one of gt, gte, lt, lte'],
  ['a range with two bounds on a side', { range: ['delay', { gt: 1, gte: 1 }] }, 'one bound a side'],
  ['a range with an unknown bound', { range: ['delay', { above: 1 }] }, 'one with "above" came'],
  ['a range of undefined', { range: ['delay', { gt: undefined }] }, 'at least one of'],
  ['parts that are none', { and: { eq: ['delay', 1] } }, 'where.and must be an array of expressions'],
  ['a bad part', { and: [{ isNull: 'delay' }, { or: [{ not: 7 }] }] }, 'where.and[1].or[0].not must be an expression'],
  ['one that contains itself', cycle, 'where must have 200 levels at most'],
  ['one that is too deep', deep, 'where must have 200 levels at most'],
  [
    'a getter',
    Object.defineProperty({}, 'eq', { enumerable: true, get: () => ['delay', 1] }),
    'where.eq must be plain data, but a getter came',
  ],
  ['a proxy that was revoked', revoked.proxy, 'where must be plain data, but looking at it failed'],
  [
    'a proxy that throws',
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no keys for you');
        },
      },
    ),
    'no keys for you',
  ],
])('%s is refused at once, with what came', async (_, where, words) => {
  const expression = where as Expression;
  for (const call of [
    () => index.tryCount(expression),
    () => index.count(expression),
    () => index.rows(expression),
    () => index.bitmap(expression),
    () => index.explain(expression),
  ]) {
    expect(expectThrown('INVALID_ARGUMENT', call).message).toContain(words);
  }
});

test.each<[Expression, string]>([
  [{ eq: ['orign', 'SEA'] }, 'there is no column "orign": did you mean "origin"? (where.eq[0])'],
  [{ and: [{ not: { isNull: 'x'.repeat(1000) } }] }, '(where.and[0].not.isNull)'],
  [{ eq: ['__proto__', 1] }, 'there is no column "__proto__"'],
  [{ in: ['origin', ['SEA', 5]] }, "of type string and is compared with a string, as in 'SEA', but 5 came (where.in[1][1])"],
  [{ eq: ['delay', '5'] }, "but '5' came"],
  [{ eq: ['delay', true] }, 'but true came'],
  [{ eq: ['delay', new Date(0)] }, 'but a Date came'],
  [{ eq: ['origin', 'half \ud83d'] }, 'half a surrogate pair'],
  [{ eq: ['cancelled', 0] }, 'compared with true or false, but 0 came'],
  [{ range: ['date', { gte: '2001-13-01' }] }, "'2001-13-01' is none (where.range[1].gte)"],
  [{ eq: ['delay', 2 ** 53 + 2] }, 'give a bigint'],
  [{ eq: ['price', 2 ** 53 / 64] }, 'give a bigint'],
])('%j does not fit the index', async (where, words) => {
  const error = await expectRejected('BAD_EXPRESSION', index.count(where));
  expect(error.message).toContain(words);
  expect(expectThrown('BAD_EXPRESSION', () => index.tryCount(where)).message).toBe(error.message);
});

test.each<[unknown, string]>([
  [null, 'options must be an object'],
  [{ signal: {} }, 'options.signal must be an AbortSignal'],
  [{ priority: 'high' }, "options.priority must be 'interactive' or 'scan', but \"high\" came"],
])('options %j are refused at once', (options, words) => {
  expect(expectThrown('INVALID_ARGUMENT', () => index.count('delay = 1', options as never)).message).toContain(words);
  expect(expectThrown('INVALID_ARGUMENT', () => index.rows('delay = 1', options as never)).message).toContain(words);
  expect(expectThrown('INVALID_ARGUMENT', () => index.sum('delay', 'delay = 1', options as never)).message).toContain(words);
});

test.each([-1, 1.5, Number.NaN, '1', 1n])('a limit of %p is refused at once', (limit) => {
  expectThrown(
    'INVALID_ARGUMENT',
    () => index.rows('delay = 1', { limit: limit as number }),
    /options.limit must be an integer, at least 0/,
  );
});

test('a list may have a million values and no more', async () => {
  expectThrown('LIMIT', () => index.count({ in: ['delay', Array.from({ length: 1_000_001 }, () => 1)] }));
  expectThrown('LIMIT', () =>
    index.count({ or: Array.from({ length: 20 }, () => ({ in: ['delay', new Array(60_000).fill(1)] })) as Expression[] }),
  );
});

test('whatever comes is answered with an error of ours', () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
    withNullPrototype: true,
  });
  const key = fc.constantFrom('eq', 'in', 'range', 'isNull', 'and', 'or', 'not', 'gt', 'lt');
  const { like } = fc.letrec<{ like: unknown }>((tie) => ({
    like: fc.oneof(
      { depthSize: 'medium' },
      anything,
      fc.constantFrom('delay', 'origin', 'date', 'SEA', -0, 1e300, 5n),
      fc.dictionary(key, tie('like'), { maxKeys: 2 }),
      fc.array(tie('like'), { maxLength: 3 }),
    ),
  }));
  fc.assert(
    fc.property(like, (where) => {
      try {
        // An error of another kind fails the test.
        index.tryCount(where as Expression);
      } catch (error) {
        if (!(error instanceof NofaultError)) throw error;
        expect(['INVALID_ARGUMENT', 'BAD_EXPRESSION', 'LIMIT', 'UNSUPPORTED']).toContain(error.code);
      }
    }),
    { numRuns: 2000 },
  );
});
