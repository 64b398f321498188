import { InvalidArgumentError } from 'commander';

/** As powers of 1024, as everything that is printed. */
const UNITS: Readonly<Record<string, number>> = { '': 0, K: 1, M: 2, G: 3, T: 4, P: 5 };

/** `200M`, `1.5G`, `4096`, `1GiB`: a number of bytes. Throws commander's error for a wrong argument. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([KMGTP]?)(?:i?B)?$/i.exec(text);
  const bytes = match === null ? Number.NaN : Math.round(Number(match[1]) * 1024 ** (UNITS[(match[2] as string).toUpperCase()] as number));
  if (!Number.isSafeInteger(bytes)) throw new InvalidArgumentError('Expected a number of bytes, such as 4096, 200M or 1.5G.');
  return bytes;
}

/** At least one byte. */
export function parseSomeBytes(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === 0) throw new InvalidArgumentError('Expected more than 0 bytes.');
  return bytes;
}

/** `A-B`: from byte A up to byte B, which is not part of it; without B to the end of the file. Repeated options gather. */
export function parseRange(text: string, before: readonly { offset: number; length: number }[] = []): { offset: number; length: number }[] {
  const [from, to, ...rest] = text.split('-');
  if (from === undefined || to === undefined || rest.length > 0) throw new InvalidArgumentError('Expected A-B or A-, such as 0-16M.');
  const offset = parseBytes(from);
  const end = to === '' ? Number.MAX_SAFE_INTEGER : parseBytes(to);
  if (end < offset) throw new InvalidArgumentError('Expected a range that does not end before it begins.');
  return [...before, { offset, length: end - offset }];
}

/** A number of seconds, as milliseconds. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.01 && seconds <= 86_400)) throw new InvalidArgumentError('Expected a number of seconds from 0.01 to 86400.');
  return seconds * 1000;
}
