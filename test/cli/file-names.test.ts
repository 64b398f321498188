import fc from 'fast-check';
import { nameFromBytes, pathOf, printable, printableJson } from '../../src/cli/file-names';

const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

test('a name leads back to the very bytes it came from, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (array) => {
      const bytes = Buffer.from(array);
      expect(Buffer.compare(Buffer.from(pathOf(nameFromBytes(bytes))), bytes)).toBe(0);
    }),
    { numRuns: 2000 },
  );
});

test('a name in UTF-8 is itself, beyond the basic plane, with a byte order mark, and with a genuine replacement character too', () => {
  for (const name of ['plain', 'Grüße.txt', '日本語', '\u{1f9ea}.bin', '\ufeffbom', 'lost \ufffd']) {
    expect(nameFromBytes(Buffer.from(name))).toBe(name);
    expect(pathOf(name)).toBe(name);
  }
});

test('UTF-8 that no encoder would write counts as bytes', () => {
  const overlongSlash = Buffer.of(0xc0, 0xaf);
  const surrogate = Buffer.of(0xed, 0xa0, 0x80);
  const beyondUnicode = Buffer.of(0xf4, 0x90, 0x80, 0x80);
  for (const bytes of [overlongSlash, surrogate, beyondUnicode]) {
    expect(nameFromBytes(bytes)).toBe(String.fromCharCode(...[...bytes].map((byte) => 0xdc00 + byte)));
  }
});

test.each([
  ['a\nb', 'a\\nb'],
  ['tab\tcr\r', 'tab\\tcr\\r'],
  ['\u001b[31mred', '\\x1b[31mred'],
  ['\u009b31m', '\\u{9b}31m'],
  ['evil\u202egpj.exe', 'evil\\u{202e}gpj.exe'],
  ['zero\u200bwidth', 'zero\\u{200b}width'],
  ['line\u2028end', 'line\\u{2028}end'],
  ['tag\u{e0041}', 'tag\\u{e0041}'],
  ['back\\slash', 'back\\\\slash'],
  ['raw\udcff', 'raw\\xff'],
  ['with space, Grüße, 日本語', 'with space, Grüße, 日本語'],
])('%j is printed as %s', (name, shown) => {
  expect(printable(name)).toBe(shown);
});

test('nothing that is printed does anything to a terminal, and different names look different', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
      expect(printable(one)).not.toMatch(UNSAFE);
      expect(printable(one) === printable(other)).toBe(one === other);
    }),
    { numRuns: 2000 },
  );
});

test('JSON is made harmless without changing what it says', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      const json = printableJson(JSON.stringify({ name }));
      expect(json).not.toMatch(UNSAFE);
      expect(JSON.parse(json)).toEqual({ name });
    }),
    { numRuns: 2000 },
  );
});
