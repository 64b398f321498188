import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finish, nofault, PROGRAM } from './run-cli';

interface InspectedFile {
  path: string;
  size: number;
  pageSize: number;
  residentBytes: number;
  unknownBytes: number;
  runs: { offset: number; length: number; state: string }[];
}

const PAGE = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }));
const ESCAPE = '\u001b';
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nofault-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file that nobody has read or written: nothing of it can be in memory. */
function hole(name: string, size: number): string {
  const path = join(folder, name);
  writeFileSync(path, '');
  truncateSync(path, size);
  return path;
}

/** A file that has just been written, and so most likely is in memory; no test may rely on that. */
function written(name: string, size: number): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.alloc(size, 'nofault '));
  return path;
}

function objects(stdout: string): unknown[] {
  expect(stdout === '' || stdout.endsWith('\n')).toBe(true);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);
}

/** Every key is there and no other; the runs cover the file from start to end, differ from their neighbours, and add up to the sums. */
function expectWellFormed(file: InspectedFile): void {
  const keys = ['path', 'size', 'allocatedBytes', 'pageSize', 'residentBytes', 'unknownBytes', 'kernel', 'again', 'runs'];
  // There is no `kernel` where cachestat cannot be believed, and for an empty file.
  expect(Object.keys(file)).toEqual(keys.filter((key) => key !== 'kernel' || 'kernel' in file));
  expect(file.pageSize).toBe(PAGE);
  let position = 0;
  const bytes: Record<string, number> = { resident: 0, missing: 0, unknown: 0 };
  let before: string | undefined;
  for (const run of file.runs) {
    expect(Object.keys(run)).toEqual(['offset', 'length', 'state']);
    expect(run.offset).toBe(position);
    expect(run.length).toBeGreaterThan(0);
    expect(run.state).not.toBe(before);
    before = run.state;
    bytes[run.state] = (bytes[run.state] as number) + run.length;
    position += run.length;
  }
  expect(position).toBe(file.size);
  expect([bytes.resident, bytes.unknown]).toEqual([file.residentBytes, file.unknownBytes]);
}

describe('--json', () => {
  test('gives an object a line, whose runs cover the file and add up', async () => {
    const paths = [written('data', 100 * PAGE + 77), hole('hole', 3 * PAGE), hole('empty', 0)];
    const { code, stdout, stderr } = await nofault(['inspect', '--json', ...paths]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const files = objects(stdout) as InspectedFile[];
    expect(files.map(({ path, size }) => [path, size])).toEqual([
      [paths[0], 100 * PAGE + 77],
      [paths[1], 3 * PAGE],
      [paths[2], 0],
    ]);
    for (const file of files) expectWellFormed(file);
    expect(files[1]).toMatchObject({ residentBytes: 0, runs: [{ offset: 0, length: 3 * PAGE, state: 'missing' }] });
    expect(files[2]).toMatchObject({ residentBytes: 0, runs: [] });
  });

  test('tells of a file that was just read that it is in memory', async () => {
    const path = written('warm', 20 * PAGE);
    // Memory may be reclaimed at any moment, but not each time.
    for (let attempt = 0; attempt < 20; attempt++) {
      readFileSync(path);
      const { stdout } = await nofault(['inspect', '--json', path]);
      const [file] = objects(stdout) as [InspectedFile];
      if (file.residentBytes === file.size) {
        expect(file.runs).toEqual([{ offset: 0, length: 20 * PAGE, state: 'resident' }]);
        return;
      }
    }
    throw new Error('in 20 attempts the file was never seen in memory as a whole');
  });

  test('writes many runs as one object', async () => {
    const path = hole('alternating', 10_000 * PAGE);
    const fd = openSync(path, 'r+');
    for (let page = 0; page < 10_000; page += 2) writeSync(fd, Buffer.of(1), 0, 1, page * PAGE);
    closeSync(fd);
    const [file] = objects((await nofault(['inspect', '--json', path])).stdout) as [InspectedFile];
    expect(file.size).toBe(10_000 * PAGE);
    expectWellFormed(file);
  });

  test('a file that cannot be inspected is an object with the error, in its place', async () => {
    const [before, after] = [hole('before', PAGE), hole('after', PAGE)];
    const missing = join(folder, 'no such file');
    const { code, stdout, stderr } = await nofault(['inspect', '--json', before, missing, after]);
    expect(code).toBe(1);
    const [first, failed, last] = objects(stdout) as [InspectedFile, { path: string; error: Record<string, unknown> }, InspectedFile];
    expect([first.path, failed.path, last.path]).toEqual([before, missing, after]);
    expect(failed).toEqual({ path: missing, error: { code: 'IO', errno: 2, syscall: expect.any(String), message: expect.any(String) } });
    expect(stderr.match(/\n/g)).toHaveLength(1);
    expect(stderr).toContain(missing);
  });

  test('names are escaped so that the line is harmless and means the same', async () => {
    const path = hole('\u009b31mred\u202e\n', PAGE);
    const { stdout } = await nofault(['inspect', '--json', path]);
    expect((objects(stdout) as [InspectedFile])[0].path).toBe(path);
    expect(stdout).not.toMatch(/[\u009b\u202e]/);
  });
});

describe('the table', () => {
  test('shows figures, name and map of each file, and the sum', async () => {
    const { code, stdout, stderr } = await nofault(['inspect', hole('big', 2000 * PAGE), hole('small', 3 * PAGE), hole('none', 0)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.split('\n');
    expect(lines).toHaveLength(8);
    expect(lines[0]).toMatch(/^ +resident +size +share {2}file$/);
    expect(lines[1]).toMatch(/^ +0 B +[\d.]+ [KM]iB +0 % {2}.*\/big$/);
    expect(lines[2]).toBe('·'.repeat(80));
    expect(lines[3]).toMatch(/small$/);
    expect(lines[4]).toBe('···');
    expect(lines[5]).toMatch(/^ +0 B +0 B +- {2}.*\/none$/);
    expect(lines[6]).toMatch(/ 3 files together$/);
    expect(lines[7]).toBe('');
  });

  test('is as wide as COLUMNS says where there is no terminal', async () => {
    const { stdout } = await nofault(['inspect', hole('wide', 2000 * PAGE)], { COLUMNS: '123' });
    expect(stdout.split('\n')[2]).toBe('·'.repeat(123));
  });

  test('draws in ASCII when asked to, and where the locale is not UTF-8', async () => {
    const path = hole('ascii', 2000 * PAGE);
    const [asked, locale] = await Promise.all([nofault(['inspect', '--ascii', path]), nofault(['inspect', path], { LC_ALL: 'C' })]);
    expect(asked.stdout.split('\n')[2]).toBe('.'.repeat(80));
    expect(locale.stdout).toBe(asked.stdout);
  });

  test('has colours only when forced where there is no terminal, and never with NO_COLOR', async () => {
    const path = hole('plain', PAGE);
    const missing = join(folder, 'missing');
    const run = (env: Record<string, string>) => nofault(['inspect', path, missing], env);
    const [plain, forced, both] = await Promise.all([run({}), run({ FORCE_COLOR: '1' }), run({ FORCE_COLOR: '1', NO_COLOR: '1' })]);
    expect(plain.stdout + plain.stderr).not.toContain(ESCAPE);
    expect(forced.stdout).toContain(ESCAPE);
    expect(forced.stderr).toContain(ESCAPE);
    expect(both).toEqual(plain);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
    expect(forced.stdout.replace(/\u001b\[\d+m/g, '')).toBe(plain.stdout);
  });

  test('escapes names, those of files that cannot be read too', async () => {
    const path = hole('a\nb\u001b[31m\u202ec\\d', PAGE);
    const missing = join(folder, 'x\r\u001b]0;title\u0007');
    const { stdout, stderr } = await nofault(['inspect', path, missing]);
    expect(stdout.split('\n')[1]).toMatch(/ {2}.*\/a\\nb\\x1b\[31m\\u\{202e\}c\\\\d$/);
    expect(stderr).toContain('x\\r\\x1b]0;title\\x07');
    expect((stdout + stderr).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(stderr.split('\n')).toHaveLength(2);
  });
});

describe('what the kernel does not tell', () => {
  /** Runs the program on a library that answers with these runs, for no test can make a kernel keep silent. */
  function withAnswer(runs: InspectedFile['runs'], options: string[] = []) {
    const bytesOf = (state: string): number => runs.reduce((sum, run) => sum + (run.state === state ? run.length : 0), 0);
    const size = runs.reduce((sum, run) => sum + run.length, 0);
    const map = { size, pageSize: PAGE, residentBytes: bytesOf('resident'), unknownBytes: bytesOf('unknown'), runs };
    const stub = join(folder, 'stub.cjs');
    writeFileSync(
      stub,
      `const path = require.resolve(${JSON.stringify(join(PROGRAM, '..', '..', 'inspect', 'inspect.js'))});
       const map = ${JSON.stringify(map)};
       const file = { ...map, path: 'some file', again: false, map };
       const inspect = () => ({ totals: { ...map, files: 1, failed: 0 }, async *[Symbol.asyncIterator]() { yield file; } });
       require.cache[path] = { id: path, filename: path, loaded: true, children: [], exports: { inspect } };`,
    );
    return nofault(['inspect', ...options, 'some file'], { NODE_OPTIONS: `--require=${stub}` });
  }

  test('is shown as unknown, for a whole file', async () => {
    const { code, stdout } = await withAnswer([{ offset: 0, length: 10 * PAGE, state: 'unknown' }]);
    expect(code).toBe(0);
    expect(stdout.split('\n')[1]).toMatch(/^ +unknown +[\d.]+ KiB +\? {2}some file$/);
    expect(stdout.split('\n')[2]).toBe('??????????');
  });

  test('is shown as unknown, for a part', async () => {
    const runs = [
      { offset: 0, length: PAGE, state: 'resident' },
      { offset: PAGE, length: PAGE, state: 'missing' },
      { offset: 2 * PAGE, length: 2 * PAGE, state: 'unknown' },
    ];
    const [table, json] = [await withAnswer(runs), await withAnswer(runs, ['--json'])];
    expect(table.stdout.split('\n')[1]).toMatch(/^ +>[\d.]+ KiB +[\d.]+ KiB +>25\.0 % {2}some file \([\d.]+ KiB unknown\)$/);
    expect(table.stdout.split('\n')[2]).toBe('█·??');
    expect(objects(json.stdout)).toMatchObject([{ residentBytes: PAGE, unknownBytes: 2 * PAGE, runs }]);
  });
});

describe('what cannot be inspected', () => {
  test('is told in one line each, the rest is shown, and the exit code is 1', async () => {
    const fifo = join(folder, 'fifo');
    if (!existsSync(fifo)) execFileSync('mkfifo', [fifo]);
    const wrong = [join(folder, 'missing'), fifo, '/dev/null', join(hole('file', 1), 'below')];
    const fine = hole('fine', 2 * PAGE);
    const { code, stdout, stderr } = await nofault(['inspect', ...wrong, fine]);
    expect(code).toBe(1);
    const complaints = stderr.split('\n').slice(0, -1);
    expect(complaints).toHaveLength(wrong.length);
    complaints.forEach((line, index) => {
      expect(line.startsWith('nofault: ')).toBe(true);
      expect(line.split(wrong[index] as string)).toHaveLength(2);
    });
    expect(stdout.split('\n')).toHaveLength(4);
    expect(stdout).toContain(fine);
  });

  test('is named by its bytes where they are no text', async () => {
    const script = 'exec "$0" "$1" inspect "$(printf \'missing\\377\')"';
    const { code, stderr } = await finish('sh', ['-c', script, process.execPath, PROGRAM]);
    expect(code).toBe(1);
    expect(stderr).toContain('missing\\xff');
  });

  test('alone leaves nothing on stdout', async () => {
    const { code, stdout } = await nofault(['inspect', join(folder, 'missing')]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });
});

describe('names', () => {
  test('that are not UTF-8 are opened by their bytes, shown escaped, and lossless in JSON', async () => {
    writeFileSync(Buffer.concat([Buffer.from(join(folder, 'raw')), Buffer.of(0xff)]), Buffer.alloc(5));
    const inspect = (options: string) =>
      finish('sh', ['-c', `exec "$0" "$1" inspect ${options} "$(printf '%s/raw\\377' "$2")"`, process.execPath, PROGRAM, folder]);
    const [table, json] = await Promise.all([inspect(''), inspect('--json')]);
    expect(table).toMatchObject({ code: 0, stderr: '' });
    expect(table.stdout).toContain(`${folder}/raw\\xff\n`);
    expect(json.stdout).toContain('raw\\udcff');
    expect(objects(json.stdout)).toMatchObject([{ path: `${folder}/raw\udcff`, size: 5 }]);
  });

  test('that look like options come after --', async () => {
    writeFileSync(join(folder, '--json'), 'five!');
    const { code, stdout } = await nofault(['inspect', '--', '--json'], {}, { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toMatch(/ {2}--json\n/);
  });

  test('that are the name of a command are files all the same', async () => {
    writeFileSync(join(folder, 'inspect'), 'five!');
    const { code, stdout } = await nofault(['inspect', 'inspect'], {}, { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toMatch(/ {2}inspect\n/);
  });
});

describe('the reader', () => {
  test('may leave early: that is no error and needs no words', async () => {
    const path = hole(`${'long'.repeat(50)}`, PAGE);
    // Well over what a pipe holds, so that the program is still writing when its reader goes.
    const child = spawn(process.execPath, [PROGRAM, 'inspect', '--json', ...new Array<string>(2000).fill(path)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const end = await new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
    expect({ end, stderr }).toEqual({ end: { code: 0, signal: null }, stderr: '' });
  });

  test('that cannot take the data makes it a failure', async () => {
    const full = openSync('/dev/full', 'w');
    try {
      const { code, stderr } = await nofault(['inspect', hole('unwritten', PAGE)], {}, { stdio: ['ignore', full, 'pipe'] });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^nofault: the output could not be written: .*ENOSPC/);
    } finally {
      closeSync(full);
    }
  });
});

describe('--runs', () => {
  test('prints positions in bytes and escaped names, a run a line', async () => {
    const path = hole('run\ns of', 3 * PAGE + 1);
    const { code, stdout } = await nofault(['inspect', '--runs', 'missing', path]);
    expect(code).toBe(0);
    expect(stdout).toBe(`0\t${3 * PAGE + 1}\t${join(folder, 'run\\ns of')}\n`);
    expect((await nofault(['inspect', '--runs', 'resident', path])).stdout).toBe('');
  });
});

describe('--map', () => {
  test('draws over many lines, whose offsets are round, all of the file', async () => {
    const path = hole('long', 5000 * PAGE + 3);
    const { stdout } = await nofault(['inspect', '--map', path]);
    const lines = stdout.split('\n').slice(2, -2);
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.length).toBeLessThanOrEqual(40);
    const cells = lines.map((line) => line.slice(12)).join('');
    expect(cells).toMatch(/^·+$/);
    const bytes = Number(/a character is ([\d.]+) KiB\n$/.exec(stdout)?.[1]) * 1024;
    expect(cells).toHaveLength(Math.ceil((5000 * PAGE + 3) / bytes));
    expect(lines[0]).toMatch(/^ {7}0 B {2}/);
  });
});

describe('--svg', () => {
  test('draws a picture in which names are text', async () => {
    const path = hole('<script>&"', 10 * PAGE);
    const picture = join(folder, 'picture.svg');
    const { code, stdout } = await nofault(['inspect', '--svg', picture, path, hole('plain', PAGE)]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    const svg = readFileSync(picture, 'utf8');
    expect(svg).toContain('&lt;script&gt;&amp;&quot;');
    expect(svg).not.toContain('<script');
    expect(svg).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
    // Well-formed: every element that is opened is closed.
    const opened = [...svg.matchAll(/<(\w+)(?:[^>]*[^/])?>/g)].length;
    expect(opened).toBe([...svg.matchAll(/<\/\w+>/g)].length);
  });
});

test('options that exclude each other, and wrong amounts, are wrong usage', async () => {
  for (const options of [
    ['--runs', 'resident', '--json'],
    ['--runs', 'cold'],
    ['--min', 'much'],
    ['--sort', 'colour'],
  ]) {
    const { code, stdout } = await nofault(['inspect', ...options, folder]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  }
});
