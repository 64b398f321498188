import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { pattern, TestFiles } from '../files';
import { nofault } from './run-cli';

const files = TestFiles.make();
const SIZE = 10_000;

/** Nobody writes to the FIFO or listens behind the device: whoever opened one would wait. */
const NO_FILES = [
  '/proc/meminfo',
  '/sys/kernel/mm/transparent_hugepage',
  '/dev/zero',
  '/dev/tty',
  files.path('fifo'),
  files.path('socket'),
];
const GONE = files.path('gone');
const FILE = files.path('file');
const server = createServer();

beforeAll((done) => {
  writeFileSync(FILE, pattern(SIZE));
  execFileSync('mkfifo', [files.path('fifo')]);
  server.listen(files.path('socket'), done);
});
afterAll((done) => {
  server.close(done);
});

const COMMANDS: readonly (readonly [command: string, args: readonly string[], said: RegExp])[] = [
  ['inspect', [], /^.* 9\.8 KiB .*file$/m],
  ['warm', [], /^brought in .* of 1 file \(7 failed\); /],
  ['evict', [], /^dropped .* of 1 file \(7 failed\)/],
  ['watch', ['--rounds', '1'], /1 file, 7 could not be looked at/],
  ['snapshot', ['-o', files.path('snapshot')], /^.* in memory of [01] files?, /],
];

test.each(COMMANDS)('%s tells what has no pages in memory, opens none of it, and does what is a file', async (command, args, said) => {
  const { code, stdout, stderr } = await nofault([command, ...args, ...NO_FILES, GONE, FILE]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringMatching(said) });
  const told = command === 'watch' ? stdout : stderr;
  for (const path of [...NO_FILES, GONE]) expect(told.split('\n').filter((line) => line.includes(path))).toHaveLength(1);
  expect(stderr).not.toContain(FILE);
});
