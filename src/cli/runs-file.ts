import type { ByteRange } from '../file/contract';
import { fromPrintable, printable } from './file-names';

/** A line of a runs file: where the run begins, how long it is, both in bytes, and the file's name, which may hold blanks and is escaped as everywhere. */
export function formatRun({ offset, length }: ByteRange, name: string): string {
  return `${offset}\t${length}\t${printable(name)}\n`;
}

/** What a line says; undefined for one that is empty or a comment (`#`). Throws an error that says what is wrong with it. */
export function parseRun(line: string): { readonly name: string; readonly range: ByteRange } | undefined {
  if (line === '' || line.startsWith('#')) return undefined;
  const match = /^(\d+)[\t ]+(\d+)[\t ]+(.+)$/.exec(line);
  const [offset, length] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || !Number.isSafeInteger(offset + length)) {
    throw new Error(
      `expected "offset length name", both in bytes, as "nofault inspect --runs" prints them, but "${line.slice(0, 80)}" came`,
    );
  }
  return { name: fromPrintable(match[3] as string), range: { offset, length } };
}
