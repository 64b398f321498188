import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../child';
import { TestFiles } from '../files';
import { finish, nofault, PROGRAM } from './run-cli';

type Facts = Record<string, string | number | boolean | null>;
interface Report {
  verdict: string;
  machine: Record<string, { name: string; verdict: string; value: string; meaning: string; advice?: string; facts: Facts }>;
  path?: string;
  file?: Report['machine'];
  error?: { code?: string; errno?: number; syscall?: string; message: string };
}

/** What programs rely on: every key of a finding's facts, in the order in which they are documented. */
const MACHINE = {
  system: ['system', 'release'],
  node: ['version', 'abi', 'napi'],
  architecture: ['architecture', 'pageBytes'],
  addon: ['loaded', 'origin', 'path'],
  mapper: ['mapper', 'wish'],
  movePages: ['allowed', 'errno'],
  mincore: ['allowed', 'errno'],
  populateRead: ['allowed', 'errno'],
  cachestat: ['allowed', 'errno'],
  pagemap: ['allowed', 'errno', 'pagemapReadable'],
  seccomp: ['filtered'],
  mappings: ['max', 'used', 'maxWindows', 'windowBytes', 'maxMappedBytes'],
  lockedMemory: ['limitBytes', 'hardLimitBytes', 'unlimited', 'capIpcLock'],
  processors: ['usable', 'limit'],
  memory: ['totalBytes', 'availableBytes'],
  memoryLimit: ['version', 'limitBytes', 'usedBytes', 'fileBytes'],
  earlyReclaim: ['active', 'by'],
  swap: ['totalBytes', 'usedBytes'],
};
const FILE = {
  size: ['bytes', 'windows'],
  residency: ['residentBytes', 'unknownBytes'],
  firstPage: ['readErrno', 'populateErrno', 'tried'],
  mincore: ['answer', 'owner'],
  cachestat: ['answer'],
  readNow: ['supported', 'errno'],
  trust: ['stand'],
  fileSystem: ['type', 'mountPoint', 'local'],
  device: ['number', 'name', 'readAheadBytes', 'longestRequestBytes'],
  willNeed: ['maxBytes', 'pieceBytes'],
};

const PAGE = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }));
const files = TestFiles.make();

async function examine(...args: string[]): Promise<Report & { code: number | null; stderr: string }> {
  const { code, stdout, stderr } = await nofault(['doctor', '--json', ...args]);
  expect(stdout.split('\n')).toHaveLength(2);
  return { ...(JSON.parse(stdout) as Report), code, stderr };
}

function keysOf(findings: Report['machine']): Record<string, string[]> {
  return Object.fromEntries(Object.entries(findings).map(([key, { facts }]) => [key, Object.keys(facts)]));
}

/** Each finding is complete, and the exit code and the verdict are those of the worst. */
function expectConsistent({ verdict, machine, file, error, code }: Report & { code: number | null }): void {
  const findings = [...Object.values(machine), ...Object.values(file ?? {})];
  for (const finding of findings) {
    expect(['good', 'limited', 'bad']).toContain(finding.verdict);
    for (const text of [finding.name, finding.value, finding.meaning]) expect(text).not.toBe('');
    expect(finding.meaning).toMatch(/[.)]$/);
  }
  const has = (one: string): boolean => findings.some((finding) => finding.verdict === one);
  expect(verdict).toBe(has('bad') ? 'bad' : has('limited') ? 'limited' : 'good');
  expect(code).toBe(verdict === 'bad' || error ? 1 : 0);
}

describe('--json', () => {
  test('of the machine: the documented keys, and what other programs say too', async () => {
    const report = await examine();
    expect(Object.keys(report)).toEqual(['verdict', 'machine', 'code', 'stderr']);
    expect(keysOf(report.machine)).toEqual(MACHINE);
    expectConsistent(report);
    expect(report.stderr).toBe('');
    expect(report.machine.system?.facts).toEqual({ system: 'linux', release: release() });
    expect(report.machine.node?.facts.version).toBe(process.versions.node);
    expect(report.machine.architecture?.facts).toEqual({ architecture: process.arch, pageBytes: PAGE });
    expect(report.machine.addon).toMatchObject({ verdict: 'good', facts: { loaded: true } });
    const locked = execFileSync('sh', ['-c', 'ulimit -l'], { encoding: 'utf8' }).trim();
    const limit = report.machine.lockedMemory?.facts.limitBytes ?? null;
    expect(limit === null ? 'unlimited' : String(Number(limit) / 1024)).toBe(locked);
    const mappings = report.machine.mappings?.facts;
    expect(mappings?.used).toBeGreaterThan(0);
    expect(mappings?.maxWindows).toBe(Math.floor(Number(mappings?.max) / 2));
  });

  test('the mapper is the one that is asked for', async () => {
    const { stdout } = await nofault(['doctor', '--json'], { NOFAULT_MAPPER: 'addon' });
    expect((JSON.parse(stdout) as Report).machine.mapper?.facts).toEqual({ mapper: 'addon', wish: 'addon' });
  });

  test('of a file: the documented keys, its size, and whether what was read is in memory', async () => {
    const path = files.patterned('data', 20 * PAGE + 7);
    const report = await examine(path);
    expect(Object.keys(report).slice(0, 4)).toEqual(['verdict', 'machine', 'path', 'file']);
    expect(report.path).toBe(path);
    const found = report.file as Report['machine'];
    expect(keysOf(found)).toEqual(FILE);
    expectConsistent(report);
    expect(found.size?.facts).toEqual({ bytes: 20 * PAGE + 7, windows: 1 });
    expect(found.firstPage).toMatchObject({ verdict: 'good', facts: { readErrno: null, populateErrno: null, tried: true } });
    // The same by util-linux, where that is installed.
    const mount = spawnSync('findmnt', ['-n', '-o', 'FSTYPE', '-T', path], { encoding: 'utf8' });
    if (mount.status === 0) expect(found.fileSystem?.facts.type).toBe(mount.stdout.trim());
    // Its owner is told the truth, wherever mincore is allowed at all.
    if (report.machine.mincore?.verdict === 'good') {
      expect(found.mincore?.facts).toEqual({ answer: 'truthful', owner: process.getuid?.() });
      expect(found.residency?.facts.unknownBytes).toBe(0);
    }
  });

  test('reads one page of the file, and nothing else of it', async () => {
    const path = files.sparse('cold', 1000 * PAGE);
    const before = await examine(path);
    const after = await examine(path);
    if (before.machine.mincore?.verdict !== 'good') return;
    expect(before.file?.residency?.facts).toEqual({ residentBytes: 0, unknownBytes: 0 });
    // Unless the page has left again by itself.
    expect([0, PAGE]).toContain(after.file?.residency?.facts.residentBytes);
  });

  test('an empty file has nothing that could be tried', async () => {
    const report = await examine(files.write('empty', ''));
    expectConsistent(report);
    expect(report.file).toMatchObject({
      size: { facts: { bytes: 0, windows: 0 } },
      residency: { facts: { residentBytes: 0, unknownBytes: 0 } },
      firstPage: { facts: { tried: false } },
      cachestat: { facts: { answer: 'untested' } },
    });
  });
});

test("of somebody else's file mincore pretends, and it is said so", async () => {
  chmodSync(files.folder, 0o755);
  // Root gives up its rights first; anybody else asks about a file of root's.
  const path = process.getuid?.() === 0 ? files.write('of root', 'anybody may read this') : '/etc/passwd';
  chmodSync(files.folder, 0o755);
  const { code, stdout, stderr } = await runProgram('examine-as-nobody.cjs', [path]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const found = JSON.parse(stdout) as Report['machine'];
  // A container's seccomp profile may refuse what would otherwise pretend.
  if (found.mincore?.facts.answer !== 'refused') {
    expect(found.mincore).toMatchObject({ verdict: 'limited', value: 'pretends', facts: { answer: 'wrong', owner: 0 } });
    expect(found.mincore?.advice).toContain('uid 0');
  }
  expect(found.cachestat).toMatchObject({ verdict: 'limited', facts: { answer: 'refused' } });
  expect(found.residency).toMatchObject({ verdict: 'limited', value: 'unknown', facts: { residentBytes: null } });
});

describe('for people', () => {
  test('every finding has a line, and what it says fits into the columns', async () => {
    const path = files.write('shown', 'shown');
    for (const columns of [80, 140]) {
      const { code, stdout, stderr } = await nofault(['doctor', path], { COLUMNS: String(columns) });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const lines = stdout.split('\n');
      for (const line of lines.filter((one) => one !== path)) expect(line.length).toBeLessThanOrEqual(columns);
      expect(lines).toContain(path);
      const findings = lines.filter((line) => /^(good {5}|limited {2}|bad {6})\S/.test(line));
      expect(findings).toHaveLength(Object.keys(MACHINE).length + Object.keys(FILE).length);
      expect(lines.at(-2)).toMatch(/^\d+ good, \d+ limited, 0 bad$/);
    }
  });

  test('without a FILE it is said how to examine one', async () => {
    const { stdout } = await nofault(['doctor']);
    expect(stdout).toContain('nofault doctor FILE\n');
  });

  test('colours are for verdicts only, and go with NO_COLOR', async () => {
    const [forced, none] = await Promise.all([
      nofault(['doctor'], { FORCE_COLOR: '1' }),
      nofault(['doctor'], { FORCE_COLOR: '1', NO_COLOR: '1' }),
    ]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
    const coloured = [...forced.stdout.matchAll(/\u001b\[3\dm(.*?)\u001b\[0m/g)].map((match) => match[1]);
    expect(coloured).toHaveLength(Object.keys(MACHINE).length);
    for (const text of coloured) expect(['good', 'limited', 'bad']).toContain(text);
    expect(none.stdout).not.toContain('\u001b');
  });
});

describe('what cannot be examined', () => {
  test('is told with the reason, after the machine, and the exit code is 1', async () => {
    const fifo = files.path('fifo');
    execFileSync('mkfifo', [fifo]);
    const directory = files.path('directory');
    mkdirSync(directory);
    for (const [path, code, reason] of [
      [files.path('missing'), 'IO', 'ENOENT'],
      [directory, 'UNSUPPORTED', 'is a directory'],
      [fifo, 'UNSUPPORTED', 'is a FIFO'],
      ['/dev/null', 'UNSUPPORTED', 'is a character device'],
    ] as const) {
      const report = await examine(path);
      expect(Object.keys(report).slice(0, 4)).toEqual(['verdict', 'machine', 'path', 'error']);
      expect(keysOf(report.machine)).toEqual(MACHINE);
      expectConsistent(report);
      expect(report.error).toMatchObject({ code, message: expect.stringContaining(reason) });
      expect(report.stderr).toBe(`nofault: ${report.error?.message}\n`);
    }
    const { code, stdout } = await nofault(['doctor', files.path('missing')]);
    expect(code).toBe(1);
    expect(stdout).toContain('\nMemory\n');
    expect(stdout).toMatch(/; the file could not be examined\n$/);
  });

  test('is named by its bytes, harmlessly', async () => {
    const odd = files.path('x\r\u001b]0;title\u0007\u202e');
    const { code, stderr } = await nofault(['doctor', odd]);
    expect(code).toBe(1);
    expect(stderr).toContain('x\\r\\x1b]0;title\\x07\\u{202e}');
    const script = 'exec "$0" "$1" doctor "$(printf \'missing\\377\')"';
    expect((await finish('sh', ['-c', script, process.execPath, PROGRAM])).stderr).toContain('missing\\xff');
  });
});

test('odd names are opened by their bytes and shown harmlessly', async () => {
  const odd = files.write('a\nb\u001b[31mc\\d', 'five!');
  const { code, stdout } = await nofault(['doctor', odd]);
  expect(code).toBe(0);
  expect(stdout).toContain('/a\\nb\\x1b[31mc\\\\d\n');
  expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  writeFileSync(Buffer.concat([Buffer.from(files.path('raw')), Buffer.of(0xff)]), 'five!');
  const script = 'exec "$0" "$1" doctor --json "$(printf \'%s/raw\\377\' "$2")"';
  const raw = await finish('sh', ['-c', script, process.execPath, PROGRAM, files.folder]);
  expect(raw).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(raw.stdout)).toMatchObject({ path: `${files.folder}/raw\udcff`, file: { size: { facts: { bytes: 5 } } } });
});

test('storage that does not answer is waited for, which is said, with the machine shown already', async () => {
  const opening = join(PROGRAM, '..', '..', 'file', 'open.js');
  // The opening ends, in a failure, only once it has been said.
  const hanging = files.write(
    'hanging.cjs',
    `const write = process.stderr.write.bind(process.stderr);
     const said = new Promise((resolve) => {
       process.stderr.write = (text) => (text.includes('waiting for') && resolve(), write(text));
     });
     const open = async () => { await said; throw new Error('gone'); };
     require.cache[${JSON.stringify(opening)}] = { id: 'open', filename: 'open', loaded: true, children: [], exports: { open } };`,
  );
  const { code, stdout, stderr } = await nofault(['doctor', 'some\tfile'], { NODE_OPTIONS: `--require=${hanging}` });
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'waiting for the storage of some\\tfile\nnofault: some\\tfile: gone\n' });
  expect(stdout).toContain('\nMemory\n');
});

test('where the addon does not load, that is the finding', async () => {
  const elsewhere = files.write('elsewhere.cjs', "Object.defineProperty(process, 'platform', { value: 'plan9' });");
  const env = { NODE_OPTIONS: `--require=${elsewhere}` };
  const { code, stdout } = await nofault(['doctor', '--json', files.write('data', 'data')], env);
  expect(code).toBe(1);
  const report = JSON.parse(stdout) as Report;
  expectConsistent({ ...report, code });
  expect(report).toMatchObject({
    verdict: 'bad',
    machine: { system: { verdict: 'bad' }, addon: { verdict: 'bad', facts: { loaded: false } } },
    error: { code: 'UNSUPPORTED' },
  });
  expect(report.machine).not.toHaveProperty('mincore');
});

test('--help has examples and exit codes', async () => {
  const { code, stdout, stderr } = await nofault(['doctor', '--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const text of ['[file]', '--json', 'Examples:', 'nofault doctor /', 'Exit codes:']) expect(stdout).toContain(text);
});

test('two files at once are wrong usage', async () => {
  expect(await nofault(['doctor', 'one', 'two'])).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('too many arguments'),
  });
});
