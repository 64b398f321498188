import { formatBytes, formatShare } from '../../src/cli/format-bytes';

test.each([
  [0, '0 B'],
  [1, '1 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [1024 ** 2 - 1, '1.0 MiB'],
  [99_700_856, '95.1 MiB'],
  [15 * 1024 ** 4, '15.0 TiB'],
  [Number.MAX_SAFE_INTEGER, '8.0 PiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('a share is 0 % only for nothing, 100 % only for everything', () => {
  expect(formatShare(0, 8192)).toBe('0 %');
  expect(formatShare(8192, 8192)).toBe('100 %');
  expect(formatShare(1, 2 ** 40)).toBe('0.1 %');
  expect(formatShare(2 ** 40 - 1, 2 ** 40)).toBe('99.9 %');
  expect(formatShare(4096, 8192)).toBe('50.0 %');
});

test('an empty file has no share', () => {
  expect(formatShare(0, 0)).toBe('-');
});
