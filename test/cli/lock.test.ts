import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { TestFiles } from '../files';
import { hasTool } from '../rigs/system';
import { PROGRAM } from './run-cli';

const files = TestFiles.make();
chmodSync(files.folder, 0o755);
const PAGE = 4096;

interface Holding {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly lines: Record<string, unknown>[];
  readonly stderr: () => string;
}

/** Starts it, and waits for the sums. */
async function holding(command: string, args: readonly string[]): Promise<Holding> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 50_000 });
  let text = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (more: string) => {
    stderr += more;
  });
  for await (const more of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    text += more;
    if (text.includes('"files":')) break;
  }
  return {
    child,
    lines: text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>),
    stderr: () => stderr,
  };
}

/** Its exit code, once all that it has said on stderr is here, too. */
async function ended({ child }: Holding): Promise<number | null> {
  if (child.exitCode === null) await once(child, 'exit');
  if (!child.stderr.readableEnded) await once(child.stderr, 'end');
  return child.exitCode;
}

const lockedKiB = (pid: number): number => Number(/^VmLck:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

test('it holds what it says until it is ended', async () => {
  const [one, two] = [files.patterned('one', 20 * PAGE), files.patterned('two', 30 * PAGE)];
  const held = await holding(process.execPath, [PROGRAM, 'lock', '--json', '--range', `0-${10 * PAGE}`, one as string, two as string]);
  expect(held.lines).toEqual([
    { path: one, lockedBytes: 10 * PAGE },
    { path: two, lockedBytes: 10 * PAGE },
    { files: 2, failed: 0, lockedBytes: 20 * PAGE },
  ]);
  expect(lockedKiB(held.child.pid as number)).toBe(80);
  held.child.kill('SIGINT');
  expect(await ended(held)).toBe(0);
});

const limited = process.getuid?.() === 0 && hasTool('setpriv') && hasTool('prlimit') ? test : test.skip;
limited('what a limit does not allow is told with the limit, and the rest is held', async () => {
  const [small, large] = [files.patterned('small', 4 * PAGE), files.patterned('large', 400 * PAGE)];
  for (const path of [small, large]) chmodSync(path as string, 0o666);
  const privileges = ['--reuid=65534', '--clear-groups', '--bounding-set=-all', '--inh-caps=-all'];
  const limit = ['prlimit', `--memlock=${64 * PAGE}`, 'setpriv', ...privileges, process.execPath];
  const held = await holding(limit[0] as string, [...limit.slice(1), PROGRAM, 'lock', '--json', large as string, small as string]);
  expect(held.lines).toEqual([
    { path: large, error: expect.objectContaining({ code: 'LIMIT', message: expect.stringContaining('RLIMIT_MEMLOCK') }) },
    { path: small, lockedBytes: 4 * PAGE },
    { files: 1, failed: 1, lockedBytes: 4 * PAGE },
  ]);
  held.child.kill('SIGTERM');
  expect(await ended(held)).toBe(1);
  expect(held.stderr()).toContain('RLIMIT_MEMLOCK');
});

const fewFiles = hasTool('prlimit') ? test : test.skip;
fewFiles('at the limit of open files it says so once, and holds those before', async () => {
  const paths = Array.from({ length: 200 }, (_, i) => files.patterned(`one of many ${i}`, PAGE));
  const held = await holding('prlimit', ['--nofile=100', process.execPath, PROGRAM, 'lock', '--json', ...paths]);
  const failed = held.lines.filter(({ error }) => error !== undefined);
  expect(failed).toEqual([{ path: expect.any(String), error: expect.objectContaining({ message: expect.stringContaining('EMFILE') }) }]);
  const all = held.lines.length - 2;
  expect(all).toBeGreaterThan(10);
  expect(held.lines.at(-1)).toEqual({ files: all, failed: 1, lockedBytes: all * PAGE });
  held.child.kill('SIGTERM');
  expect(await ended(held)).toBe(1);
  expect(held.stderr()).toContain('ulimit -n');
});

test('where nothing can be held it ends by itself', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, 'lock', join(files.folder, 'gone')], { encoding: 'utf8' });
  expect({ status, stdout }).toEqual({ status: 1, stdout: 'holding 0 B of 0 files\n' });
  expect(stderr).toContain('ENOENT');
  expect(spawnSync(process.execPath, [PROGRAM, 'lock']).status).toBe(2);
});
