import { isUtf8 } from 'node:buffer';
import { fileURLToPath } from 'node:url';
import { invalidArgument } from '../errors';
import type { FileName } from './contract';

const SLASH = 0x2f;

/** A name, or the start of one that ends with a slash, as text and as bytes; the text is undefined where bytes would be lost in it. */
export interface Name {
  readonly text: string | undefined;
  readonly bytes: Buffer;
}

/** The bytes of a path that a caller gave; throws `INVALID_ARGUMENT` for what is none. */
export function checkName(path: unknown, what: string): Name {
  const expected = "a path (string, Buffer or 'file:' URL, not empty and without zero bytes)";
  let given = path;
  if (path instanceof URL) {
    try {
      given = fileURLToPath(path);
    } catch {
      throw invalidArgument(what, expected, path.href);
    }
  }
  if (typeof given !== 'string' && !Buffer.isBuffer(given)) throw invalidArgument(what, expected, given);
  const bytes = Buffer.from(given as string);
  if (bytes.length === 0 || bytes.includes(0)) throw invalidArgument(what, expected, given.toString());
  return nameOf(bytes);
}

export function nameOf(bytes: Buffer): Name {
  return { text: isUtf8(bytes) ? bytes.toString() : undefined, bytes };
}

/** What a caller is given. */
export function fileName({ text, bytes }: Name): FileName {
  return text ?? bytes;
}

/** The start of the names of all that is in a folder. */
export function within({ text, bytes }: Name): Name {
  if (bytes.at(-1) === SLASH) return { text, bytes };
  return { text: text === undefined ? undefined : `${text}/`, bytes: Buffer.concat([bytes, Buffer.of(SLASH)]) };
}

export function joined(start: Name, name: Name): Name {
  const text = start.text === undefined || name.text === undefined ? undefined : start.text + name.text;
  return { text, bytes: Buffer.concat([start.bytes, name.bytes]) };
}

/** Names that each have a zero byte behind them. Nearly always all of them are text, and then they are split at once. */
export function namesIn(names: Buffer): Name[] {
  if (names.length === 0) return [];
  const found: Name[] = [];
  for (let from = 0; from < names.length; ) {
    const to = names.indexOf(0, from);
    found.push(nameOf(names.subarray(from, to)));
    from = to + 1;
  }
  return found;
}

/** The same for who needs only what a caller is given of them, behind `start`. */
export function fileNamesIn(start: Name, names: Buffer): FileName[] {
  if (start.text !== undefined && isUtf8(names)) {
    const found = names.toString().split('\0');
    found.pop();
    for (let i = 0; i < found.length; i++) found[i] = start.text + (found[i] as string);
    return found;
  }
  return namesIn(names).map((name) => fileName(joined(start, name)));
}

/** For the addon: names with a zero byte behind each. */
export function packed(names: readonly Name[]): Buffer {
  const end = Buffer.alloc(1);
  return Buffer.concat(names.flatMap(({ bytes }) => [bytes, end]));
}

/** For messages and for matching: what is not UTF-8 is replaced. */
export function shown(name: FileName): string {
  return name.toString();
}
