import { type BitmapIndex, type NofaultError, openIndex } from '../../src/index';
import { expectRejected, expectThrown } from '../failures';
import { TestFiles } from '../files';
import { writeFlights } from './flights';

const files = TestFiles.make();
let index: BitmapIndex;

beforeAll(async () => {
  index = await openIndex(writeFlights(files.path('flights')));
});
afterAll(() => index.close());

/** The message of a text that is refused, and where it points, from both ways to ask. */
async function refused(text: string): Promise<{ message: string; offset: number | undefined }> {
  const later = (await expectRejected('BAD_EXPRESSION', index.count(text))) as NofaultError;
  const now = expectThrown('BAD_EXPRESSION', () => index.tryCount(text)) as NofaultError;
  expect([now.message, now.offset]).toEqual([later.message, later.offset]);
  return { message: later.message, offset: later.offset };
}

test('an error shows the line and points at the character', async () => {
  const { message, offset } = await refused("origin = 'SEA' and delay >> 60");
  expect(message).toBe(
    ['a value is expected here, but ">" came (character 27)', "  origin = 'SEA' and delay >> 60", '                            ^'].join(
      '\n',
    ),
  );
  expect(offset).toBe(26);
});

test('of several lines it shows the right one, indented by what stands there', async () => {
  const { message } = await refused("origin = 'SEA'\n\tand delay > high\n  and price < 3");
  const [first, line, caret] = message.split('\n');
  expect(first).toMatch(/\(line 2, character 14\)$/);
  expect(line).toBe('  \tand delay > high');
  expect(caret).toBe('  \t            ^');
});

test('of a long line it shows what is near', async () => {
  const { message, offset } = await refused(`${"origin = 'SEA' or ".repeat(300)}delay = 1 1${" or origin = 'SEA'".repeat(300)}`);
  const [, line, caret] = message.split('\n') as [string, string, string];
  expect(line.length).toBeLessThan(150);
  expect(line[caret.indexOf('^')]).toBe('1');
  expect(line.slice(0, caret.indexOf('^'))).toMatch(/delay = 1 $/);
  expect(offset).toBe(5_410);
});

test.each([
  ['', 0, "'(', 'not' or a column is expected here, but the end came"],
  ['   ', 3, 'but the end came'],
  ['delay', 5, "'between', 'in', 'is', 'not' or a comparison is expected here"],
  ['delay >', 7, 'a value is expected here, but the end came'],
  ['delay = 1 and', 13, 'but the end came'],
  ['delay = 1 delay = 2', 10, "'and', 'or' or the end is expected here"],
  ['(delay = 1', 10, "')', 'and' or 'or' is expected here"],
  ['delay = 1)', 9, 'but ")" came'],
  ['delay = 12x', 8, 'a value is expected here'],
  ['delay = -', 8, 'a value is expected here'],
  ["origin = 'SEA", 9, 'this string has no end'],
  ["origin = 'it''s", 9, 'this string has no end'],
  ['"origin = 1', 0, 'this name has no end'],
  ['origin = SEA', 9, "strings stand in single quotes: 'SEA'"],
  ['origin = "SEA"', 9, "strings stand in single quotes: 'SEA'"],
  ['origin = null', 9, 'ask with "is null" or "is not null"'],
  ['origin is 1', 10, "'not' or 'null' is expected here"],
  ["origin in 'SEA'", 10, "'(' is expected here"],
  ["origin in ('SEA',)", 17, 'a value is expected here'],
  ["origin in ('SEA' 'SFO')", 17, "')' or ',' is expected here"],
  ['delay between 1 or 2', 16, "'and' is expected here"],
  ['delay not = 1', 10, "'between' or 'in' is expected here"],
  ['delay == 1', 7, 'a value is expected here, but "=" came'],
  ['delay ! 1', 6, 'but "!" came'],
  ['delay = 1; drop table', 9, 'but ";" came'],
  ['delay = 1 && price = 2', 10, 'but "&" came'],
  ['in = 1', 0, 'a column is expected here, but "in" came'],
  ['delay = \u{1f600}', 8, 'but "\u{1f600}" came'],
  ['delay = \u0000', 8, 'but "\\u0000" came'],
  ['ürigin = 1', 0, 'did you mean "origin"?'],
  ["origin = 'SEA' and dealy > 60", 19, 'there is no column "dealy": did you mean "delay"?'],
  ["ORIGIN = 'SEA'", 0, 'did you mean "origin"?'],
  ['whatever = 1', 0, 'there are "origin", "delay", "price", "date", "cancelled", "is null"'],
  ["delay = 'x'", 8, 'column "delay" is of type integer and is compared with a number, as in 60, but \'x\' came'],
  ['origin = 5', 9, "of type string and is compared with a string, as in 'SEA', but 5 came"],
  ['origin in (true)', 11, 'but true came'],
  ['cancelled = 1', 12, 'of type boolean and is compared with true or false, but 1 came'],
  ["price < '1.00'", 8, 'of type decimal and is compared with a number, as in 12.50'],
  ['date = 20010101', 7, "of type date and is compared with a day, as in '2001-12-31', but 20010101 came"],
  ["date = '2001-02-29'", 7, "has days, as in '2001-12-31', and '2001-02-29' is none"],
  ["date = '2001-1-1'", 7, 'is none'],
  ["date > '2001-01-01T10:00:00Z'", 7, 'is none'],
])('%j is refused at %d', async (text, at, words) => {
  const { message, offset } = await refused(text);
  expect(message).toContain(words);
  expect(offset).toBe(at);
});

test('parentheses have a limit, and a million of them are an error like any other', async () => {
  const deep = (levels: number): string => `${'('.repeat(levels)}delay = 1${')'.repeat(levels)}`;
  expect((await refused(deep(201))).message).toContain('more than 200 parentheses are open here');
  expect((await refused(deep(201))).offset).toBe(200);
  for (const text of ['('.repeat(1e6), ')'.repeat(1e6), `${'not ('.repeat(2e5)}`, `${'not '.repeat(2e5)}`]) {
    await expectRejected('BAD_EXPRESSION', index.count(text));
  }
});

test('a text that is longer than any use is refused before it is read', async () => {
  await expectRejected('LIMIT', index.count(' '.repeat(17_000_000)));
});
