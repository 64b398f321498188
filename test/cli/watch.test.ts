import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pattern, TestFiles } from '../files';
import { hasTool } from '../rigs/system';
import { finish, nofault, PROGRAM } from './run-cli';

const files = TestFiles.make();
const PAGE = 4096;

test('--json gives an object a look, with the files in the order that was asked for', async () => {
  const folder = files.path('some');
  mkdirSync(folder);
  for (const [name, pages] of [
    ['a', 1],
    ['b', 9],
    ['c', 3],
  ] as const)
    writeFileSync(join(folder, name), pattern(pages * PAGE));
  symlinkSync('a', join(folder, 'link'));
  const args = ['watch', '--json', '--rounds', '2', '--interval', '0.05', '--sort', 'size', folder, join(folder, 'gone')];
  const { code, stdout } = await nofault(args);
  expect(code).toBe(1);
  const rounds = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(rounds).toHaveLength(2);
  for (const { time, totals, files: found } of rounds) {
    expect(new Date(time).toISOString()).toBe(time);
    expect(totals).toEqual({ files: 3, failed: 1, size: 13 * PAGE, residentBytes: expect.any(Number), unknownBytes: 0 });
    expect(found.map(({ path }: { path: string }) => path)).toEqual(['b', 'c', 'a', 'gone'].map((name) => join(folder, name)));
    expect(Object.keys(found[0])).toEqual(['path', 'size', 'residentBytes', 'unknownBytes']);
    expect(found[3].error.code).toBe('IO');
  }
});

test('without a terminal each look is a table, and there is not one escape sequence', async () => {
  const path = files.patterned('odd\u001b[2J\n', 3 * PAGE);
  const { code, stdout, stderr } = await nofault(['watch', '--rounds', '1', path]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).not.toContain('\u001b');
  expect(stdout).toContain('odd\\x1b[2J\\n');
  expect(stdout).toMatch(/^ {2}resident {7}change {8}size {4}share {2}\d\d:\d\d:\d\d\n/);
});

test('files that shrink, vanish and are replaced meanwhile do not end it; a signal does', async () => {
  const folder = files.path('restless');
  mkdirSync(folder);
  const path = (i: number): string => join(folder, `f${i}`);
  for (let i = 0; i < 8; i++) writeFileSync(path(i), pattern(16 * PAGE));
  const child = spawn(process.execPath, [PROGRAM, 'watch', '--json', '--interval', '0.02', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let seen = '';
  for await (const text of child.stdout.setEncoding('utf8')) {
    seen += text;
    const rounds = seen.split('\n').length;
    truncateSync(path(0), (rounds % 5) * PAGE);
    writeFileSync(`${folder}.new`, pattern(PAGE));
    renameSync(`${folder}.new`, path(1));
    if (rounds === 4) rmSync(path(2));
    if (rounds > 12) child.kill('SIGINT');
  }
  if (child.exitCode === null) await once(child, 'exit');
  expect([0, 1]).toContain(child.exitCode);
  const last = JSON.parse(seen.trimEnd().split('\n').at(-1) as string);
  expect(last.totals.files).toBeGreaterThanOrEqual(6);
});

const scripted = hasTool('script') ? test : test.skip;
scripted('on a terminal it draws over another screen, and leaves the first one as it was', async () => {
  for (let i = 0; i < 30; i++) files.patterned(`many-${i}`, PAGE);
  const command = `stty rows 12 cols 60; ${process.execPath} ${PROGRAM} watch --rounds 2 --interval 0.05 ${files.folder}/many-*`;
  const { stdout } = await finish('script', ['-qec', command, '/dev/null']);
  expect(stdout.startsWith('\u001b[?1049h')).toBe(true);
  expect(stdout.endsWith('\u001b[?1049l')).toBe(true);
  const screens = stdout.split('\u001b[H').slice(1);
  expect(screens).toHaveLength(2);
  for (const screen of screens) {
    expect(screen.split('\n').length).toBeLessThanOrEqual(12);
    expect(screen).toMatch(/and 2\d more, for which there is no room/);
  }
});

test.each([[['watch']], [['watch', '--interval', '0', '.']], [['watch', '--rounds', '0', '.']], [['watch', '--sort', 'x', '.']]])(
  '%j is wrong usage',
  async (args) => {
    const { code, stdout } = await nofault(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  },
);
