import { readFileSync } from 'node:fs';

/*
 * On Linux the name of a file is a string of bytes, usually UTF-8, and Node replaces in its arguments what is not. A name whose bytes were lost cannot be
 * opened. Here each byte that is not UTF-8 travels as one lone surrogate, U+DC80 to U+DCFF, as Python's "surrogateescape" does: no valid text contains
 * them, and JSON can write them down.
 */

/** In text whose characters are bytes: what is valid UTF-8 (The Unicode Standard, table 3-7), or else one byte that is not. */
const UTF8_OR_BYTE =
  /((?:[^\x80-\xff]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})+)|([\x80-\xff])/g;

const ESCAPED_BYTE = /([\udc80-\udcff])/u;

/**
 * What could move the cursor, change colours, reorder the line, or not be seen at all; and the backslash, so that what is printed can be read back.
 * Cc control, Cf format (bidirectional marks, zero-width characters), Zl and Zp line separators, Cs lone surrogates.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\\]/gu;

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A file's name from its bytes: UTF-8, with U+DC00 + b for each byte b that is not. */
export function nameFromBytes(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replace(UTF8_OR_BYTE, (_, valid: string | undefined, byte: string) =>
      valid === undefined ? String.fromCharCode(0xdc00 + byte.charCodeAt(0)) : Buffer.from(valid, 'latin1').toString('utf8'),
    );
}

/** What to open for a name that `nameFromBytes` or `commandArguments` gave: the name itself, or its bytes where they are not UTF-8. */
export function pathOf(name: string): string | Buffer {
  if (!ESCAPED_BYTE.test(name)) return name;
  return Buffer.concat(
    name.split(ESCAPED_BYTE).map((part) => (ESCAPED_BYTE.test(part) ? Buffer.of(part.charCodeAt(0) - 0xdc00) : Buffer.from(part, 'utf8'))),
  );
}

/** A name (or any text that may contain one) on one line that does nothing to a terminal: `\n`, `\t`, `\r`, `\\`, `\x1b` for a byte, `\u{202e}` for a character. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) as number;
    if (code >= 0xdc80 && code <= 0xdcff) return hexByte(code - 0xdc00);
    return SHORT_ESCAPES[character] ?? (code < 0x80 ? hexByte(code) : `\\u{${code.toString(16)}}`);
  });
}

/** The text that `printable` made this of. What is no escape of its stands for itself. */
export function fromPrintable(text: string): string {
  return text.replace(
    /\\(?:\\|([nrt])|x([0-9a-f]{2})|u\{([0-9a-f]{1,6})\})/g,
    (whole, short?: string, byte?: string, character?: string) => {
      if (short !== undefined) return { n: '\n', r: '\r', t: '\t' }[short] as string;
      if (byte !== undefined) {
        const code = Number.parseInt(byte, 16);
        return String.fromCharCode(code < 0x80 ? code : 0xdc00 + code);
      }
      if (character === undefined) return '\\';
      const code = Number.parseInt(character, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}

/** A JSON text that means the same and does nothing to a terminal either. `JSON.stringify` leaves DEL, C1 controls and format characters as they are. */
export function printableJson(json: string): string {
  return json.replace(UNPRINTABLE, (character) => {
    if (character === '\\') return character;
    return Array.from({ length: character.length }, (_, unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`).join('');
  });
}

/** The arguments of this process behind the program's name, with the names of files intact. */
export function commandArguments(): string[] {
  const args = process.argv.slice(2);
  if (!args.some((argument) => argument.includes('\ufffd'))) return args;
  const bytes = argumentBytes().slice(-args.length);
  // Where the two differ, the process's title was changed over the arguments: then Node's version is the better one.
  return bytes.length === args.length && bytes.every((one, index) => one.toString('utf8') === args[index])
    ? bytes.map(nameFromBytes)
    : args;
}

function argumentBytes(): Buffer[] {
  try {
    const text = readFileSync('/proc/self/cmdline').toString('latin1');
    return text
      .split('\0')
      .slice(0, -1)
      .map((argument) => Buffer.from(argument, 'latin1'));
  } catch {
    return [];
  }
}

function hexByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}
