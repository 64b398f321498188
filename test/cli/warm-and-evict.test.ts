import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawBar, formatTime } from '../../src/cli/progress-bar';
import { pattern, TestFiles } from '../files';
import { finish, nofault, PROGRAM } from './run-cli';

const files = TestFiles.make();
const PAGE = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }));
const SUMS = {
  files: 1,
  failed: 0,
  bytes: expect.any(Number),
  skippedBytes: expect.any(Number),
  keptBytes: 0,
  unknownBytes: 0,
  leftOutBytes: 0,
};

interface Line {
  path?: string;
  error?: { code: string };
  bytes: number;
  skippedBytes: number;
  keptBytes: number;
}

function lines(stdout: string): Line[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

async function runs(path: string, state: string): Promise<string> {
  return (await nofault(['inspect', '--runs', state, path])).stdout;
}

/** The machine may reclaim a page at any moment. */
async function eventually(work: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 30; attempt++) if (await work()) return;
  throw new Error('in 30 attempts it was never seen');
}

test('evict empties a file, warm fills it, and --json gives an object a file and the sums', async () => {
  const path = files.patterned('both', 100 * PAGE + 7);
  await eventually(async () => {
    const gone = await nofault(['evict', '--json', path]);
    expect({ code: gone.code, stderr: gone.stderr }).toEqual({ code: 0, stderr: '' });
    const [file, sums] = lines(gone.stdout);
    expect(file).toEqual({
      path,
      bytes: expect.any(Number),
      skippedBytes: expect.any(Number),
      keptBytes: expect.any(Number),
      unknownBytes: 0,
    });
    expect(sums).toMatchObject({ files: 1, failed: 0 });
    return (await runs(path, 'resident')) === '';
  });
  await eventually(async () => {
    const here = await nofault(['warm', '--json', path]);
    expect({ code: here.code, stderr: here.stderr }).toEqual({ code: 0, stderr: '' });
    const [file, sums] = lines(here.stdout);
    expect((file as Line).bytes + (file as Line).skippedBytes).toBe(100 * PAGE + 7);
    expect(sums).toEqual(SUMS);
    return (await runs(path, 'missing')) === '';
  });
});

test('--range takes a part, and the runs that inspect prints bring the same pages back', async () => {
  const path = files.patterned('odd name\n\\', 50 * PAGE);
  await eventually(async () => {
    await nofault(['evict', path]);
    await nofault(['warm', '--range', `${10 * PAGE}-${20 * PAGE}`, '--range', `${40 * PAGE}-`, path]);
    const hot = await runs(path, 'resident');
    if (hot.split('\n').length !== 3) return false;
    await nofault(['evict', path]);
    const runsFile = files.write('hot.runs', `# hot\n\n${hot}`);
    const { code, stdout, stderr } = await nofault(['warm', '--runs', runsFile]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^brought in .* of 1 file; .* needed no reading\n$/);
    return (await runs(path, 'resident')) === hot;
  });
});

test('runs are read from standard input, and not UTF-8 is no obstacle', async () => {
  const name = Buffer.concat([Buffer.from(`${files.folder}/bytes-`), Buffer.of(0xff, 0x1b)]);
  writeFileSync(name, pattern(9 * PAGE));
  const child = spawn(process.execPath, [PROGRAM, 'warm', '--json', '--runs', '-'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(`0\t${9 * PAGE}\t${files.folder}/bytes-\\xff\\x1b\n`);
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
  const [file] = lines(stdout);
  expect(file).toMatchObject({ path: `${files.folder}/bytes-\udcff\u001b` });
  expect((file as Line).bytes + (file as Line).skippedBytes).toBe(9 * PAGE);
});

test.each(['warm', 'evict'])('%s goes on past what it cannot open, and says why of each', async (command) => {
  const folder = files.path(`mixed-${command}`);
  mkdirSync(folder);
  writeFileSync(join(folder, 'fine'), pattern(PAGE));
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  const { code, stdout, stderr } = await nofault([command, '--json', join(folder, 'gone'), '/proc/self/status', '/dev/null', folder]);
  expect(code).toBe(1);
  const found = lines(stdout);
  const codes = Object.fromEntries(found.slice(0, -1).map(({ path, error }) => [path, error?.code]));
  expect(codes).toEqual({
    [join(folder, 'gone')]: 'IO',
    '/proc/self/status': 'UNSUPPORTED',
    '/dev/null': 'UNSUPPORTED',
    [join(folder, 'fifo')]: 'UNSUPPORTED',
    [join(folder, 'fine')]: undefined,
  });
  expect(found.at(-1)).toMatchObject({ files: 1, failed: 4 });
  expect(stderr.trimEnd().split('\n')).toHaveLength(4);
});

const root = process.getuid?.() === 0 ? test : test.skip;
root('a file that may not be read is told', async () => {
  chmodSync(files.folder, 0o755);
  const path = files.patterned('secret', PAGE);
  chmodSync(path, 0o000);
  const script = [
    '-e',
    `process.setgid(65534); process.setuid(65534); process.argv = [process.argv[0], ...process.argv.slice(1)]; require(process.argv[1])`,
  ];
  const { code, stderr } = await finish(process.execPath, [...script, PROGRAM, 'warm', path]);
  expect(code).toBe(1);
  expect(stderr).toContain('EACCES');
});

test.each([
  [['warm'], 'a path is missing'],
  [['evict'], 'a path is missing'],
  [['warm', '--rate', '0', '.'], 'more than 0'],
  [['warm', '--range', '5-1', '.'], 'does not end before'],
  [['warm', '--runs', '/nonexistent', '.'], 'ENOENT'],
  [['warm', '--runs', __filename], 'line 1: expected "offset length name"'],
])('%j is wrong usage, and says so', async (args, message) => {
  const { code, stdout, stderr } = await nofault(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(message);
});

test('time left is written as people read it', () => {
  expect([0, 11.2, 59.5, 185, 7385, Number.POSITIVE_INFINITY].map(formatTime)).toEqual(['0 s', '12 s', '1:00', '3:05', '2:03:05', '?']);
});

test('a progress bar fits into the columns that there are', () => {
  const figures = '1.6 GiB of 2.0 GiB  287.9 MiB/s  1:02:03 left  1000000 files';
  for (let columns = 1; columns < 200; columns++) {
    for (const whole of [true, false]) {
      for (const progress of [0, 0.5, 0.999, 1])
        expect(drawBar(progress, { whole, figures }, columns, true).length).toBeLessThanOrEqual(columns);
    }
  }
  expect(drawBar(0.5, { whole: true, figures: '1 of 2' }, 30, true)).toBe('████████░░░░░░░░  50 %  1 of 2');
  expect(drawBar(0.999, { whole: true, figures: '1 of 2' }, 25, false)).toBe('##########.  99 %  1 of 2');
  expect(drawBar(0.5, { whole: true, figures: '1 of 2' }, 15, true)).toBe(' 50 %  1 of 2');
});
