import { NofaultError } from '../../errors';
import { parse } from './grammar';
import { DEEPEST, MOST_VALUES, type Place, type Question } from './question';

/** What the parser that is generated throws by itself. */
interface Unexpected extends Error {
  readonly expected: readonly { readonly type: string; readonly description?: string; readonly text?: string }[];
  readonly location: { readonly start: { readonly offset: number } };
}

/** Characters of a text that may hold MOST_VALUES of a usual length. */
const LONGEST_TEXT = 16 * MOST_VALUES;

/** Characters of a line that are shown on each side of the one that is pointed at. */
const SHOWN = 60;

/** Reads an expression. Throws `BAD_EXPRESSION`, which points at the character, or `LIMIT`. */
export function questionOf(text: string): Question {
  if (text.length > LONGEST_TEXT) {
    throw new NofaultError('LIMIT', `an expression may have ${LONGEST_TEXT} characters as text, but ${text.length} came`);
  }
  try {
    return parse(text, { deepest: DEEPEST, fail: (message, at) => refuseIn(text, message, at) }) as Question;
  } catch (error) {
    if (error instanceof NofaultError || !('expected' in (error as object))) throw error;
    const { expected, location } = error as Unexpected;
    const at = location.start.offset;
    return refuseIn(text, `${list(expected)} is expected here, but ${found(text, at)} came`, at);
  }
}

/** Throws `BAD_EXPRESSION` with the line and a caret below the character. */
export function refuseIn(text: string, message: string, at: Place): never {
  const offset = at as number;
  const before = text.slice(0, offset);
  const number = before.split('\n').length;
  const start = before.lastIndexOf('\n') + 1;
  const end = text.indexOf('\n', offset);
  const line = text.slice(start, end < 0 ? text.length : end);
  const column = offset - start;
  const place = number === 1 && end < 0 ? `character ${column + 1}` : `line ${number}, character ${column + 1}`;
  throw new NofaultError('BAD_EXPRESSION', `${message} (${place})\n${pointing(line, column)}`, { offset });
}

/** A line, or what of it fits, and below it a caret. */
function pointing(line: string, column: number): string {
  const from = column > SHOWN ? column - SHOWN : 0;
  const left = from > 0 ? '...' : '';
  const right = line.length > column + SHOWN ? '...' : '';
  const shown = left + line.slice(from, column + SHOWN) + right;
  const indent = (left + line.slice(from, column)).replace(/[^\t]/gu, ' ');
  return `  ${shown}\n  ${indent}^`;
}

function found(text: string, at: number): string {
  const [word] = /^(?:[\p{L}\p{N}\p{M}_$]{1,40}|.)/su.exec(text.slice(at, at + 80)) ?? [];
  return word === undefined ? 'the end' : JSON.stringify(word);
}

/** What the parser expected, in words: `'and', 'or' or the end`. */
function list(expected: Unexpected['expected']): string {
  const words = expected
    .filter(({ description }) => description !== 'white space')
    .map(({ type, description, text }) => (type === 'end' ? 'the end' : (description ?? `'${text}'`)));
  const [last, ...others] = [...new Set(words)].sort().reverse();
  return others.length === 0 ? (last as string) : `${others.reverse().join(', ')} or ${last}`;
}
