import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buildIndex, type RowObject } from '../../../src/index';
import { builtPackage } from '../../built-package';
import { programPath, runProgram } from '../../child';
import { expectRejected } from '../../failures';
import { TestFiles } from '../../files';
import { mountingLacks } from '../../rigs/system';
import { readNaively } from './naive-reader';

const files = TestFiles.make();

/** A folder of its own with an index in it, that must be what it was whatever happens to the next one. */
function folderWithIndex(name: string): { folder: string; out: string; before: Buffer } {
  const folder = files.path(name);
  mkdirSync(folder);
  const before = Buffer.from('what was there before');
  const out = `${folder}/x.idx`;
  writeFileSync(out, before);
  return { folder, out, before };
}

function* endless(): Generator<RowObject> {
  for (let i = 0; ; i++) yield { name: `name ${i}`, number: i };
}

async function* endlessCsv(): AsyncGenerator<Buffer> {
  yield Buffer.from('name,number\n');
  for (let i = 0; ; i++) yield Buffer.from(`name ${i},${i}\n`.repeat(1000));
}

async function* hanging<Item>(): AsyncGenerator<Item> {
  await new Promise(() => {});
}

describe('a build that is abandoned rejects with the reason, and leaves no file', () => {
  test.each([
    ['rows', () => endless()],
    ['a stream', () => ({ stream: endlessCsv(), format: 'csv' as const })],
    ['rows that do not come', () => hanging<RowObject>()],
    ['a stream that hangs', () => ({ stream: hanging<Uint8Array>(), format: 'csv' as const })],
  ])('of %s', async (name, source) => {
    const { folder, out, before } = folderWithIndex(name);
    const abort = new AbortController();
    const reason = new Error('enough');
    setTimeout(() => abort.abort(reason), 300);
    await expect(buildIndex(source(), out, { signal: abort.signal })).rejects.toBe(reason);
    expect(readdirSync(folder)).toEqual(['x.idx']);
    expect(readFileSync(out).equals(before)).toBe(true);
  });

  test('before it has begun', async () => {
    const { folder, out } = folderWithIndex('aborted before');
    await expect(buildIndex([], out, { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    expect(readdirSync(folder)).toEqual(['x.idx']);
  });

  test.each([
    ['rows', () => endless()],
    ['a stream', () => ({ stream: endlessCsv(), format: 'csv' as const })],
  ])('by what its progress callback throws, of %s', async (name, source) => {
    const { folder, out } = folderWithIndex(`thrown ${name}`);
    const failure = new Error('the screen has gone');
    const onProgress = () => {
      throw failure;
    };
    await expect(buildIndex(source(), out, { onProgress })).rejects.toBe(failure);
    expect(readdirSync(folder)).toEqual(['x.idx']);
  });
});

test('a build that is killed leaves what was there, and what it leaves besides disturbs nobody', async () => {
  const { folder, out, before } = folderWithIndex('killed');
  const child = spawn(process.execPath, [programPath('build-index.cjs'), builtPackage(), out, '1e12'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(readFileSync(out).equals(before)).toBe(true);
  // At most the index that was not complete; its runs had no names.
  const left = readdirSync(folder).filter((name) => name !== 'x.idx');
  expect(left).toHaveLength(1);
  expect(left[0]).toMatch(/^\.x\.idx\.[0-9a-f]{16}\.partial$/);
  expect(await buildIndex([{ a: 1 }], out)).toMatchObject({ rows: 1 });
  expect(readNaively(out).column('a').cells).toEqual([1n]);
});

describe('what cannot be written', () => {
  const program = [programPath('build-index.cjs'), builtPackage()];

  test('a file that grows too large (RLIMIT_FSIZE) fails, the old index intact', async () => {
    const { folder, out, before } = folderWithIndex('limited');
    // Blocks of 1,024 bytes in bash; what exceeds it raises SIGXFSZ, which is ignored so that the call fails.
    const script = `ulimit -f 3000; trap '' XFSZ; exec "$@"`;
    const stdout = execFileSync('bash', ['-c', script, 'bash', process.execPath, ...program, out, '1000000'], { encoding: 'utf8' });
    const last = JSON.parse(stdout.trim().split('\n').at(-1) as string) as Record<string, unknown>;
    expect(last).toMatchObject({ code: 'IO', errno: 27 });
    expect(last.message).toContain(`cannot write ${out}`);
    expect(readdirSync(folder)).toEqual(['x.idx']);
    expect(readFileSync(out).equals(before)).toBe(true);
  });

  const whenMounting = mountingLacks() === undefined ? test : test.skip;
  whenMounting('a disk that is full fails, the old index intact', async () => {
    const { folder, out, before } = folderWithIndex('full');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
    try {
      writeFileSync(out, before);
      const { stdout } = await runProgram('build-index.cjs', [out, '1000000']);
      const last = JSON.parse(stdout.trim().split('\n').at(-1) as string) as Record<string, unknown>;
      expect(last).toMatchObject({ code: 'IO', errno: 28, message: `cannot write ${out}: no space left on the device (ENOSPC)` });
      expect(readdirSync(folder)).toEqual(['x.idx']);
      expect(readFileSync(out).equals(before)).toBe(true);
      // All that it had taken has been given back.
      expect(await buildIndex([{ a: 1 }], out)).toMatchObject({ rows: 1 });
    } finally {
      execFileSync('umount', ['-l', folder]);
    }
  });

  test('a folder that does not exist, or that one is', async () => {
    await expectRejected('IO', buildIndex([], files.path('nowhere/x.idx')), /cannot write .*no such file or directory \(ENOENT\)/);
    mkdirSync(files.path('folder'));
    await expectRejected('UNSUPPORTED', buildIndex([], files.path('folder')), /not a regular file/);
  });

  test('behind a symbolic link the index goes to where that leads', async () => {
    const target = files.path('target.idx');
    writeFileSync(target, 'old');
    symlinkSync(target, files.path('link.idx'));
    await buildIndex([{ a: 1 }], files.path('link.idx'));
    expect(readNaively(target).rowCount).toBe(1);
  });
});

describe('memory', () => {
  test('stays bounded when every row has a value of its own', async () => {
    const { out } = folderWithIndex('many values');
    const { code, stdout } = await runProgram('build-index.cjs', [out, '3000000']);
    expect(code).toBe(0);
    const last = JSON.parse(stdout.trim().split('\n').at(-1) as string) as { rows: number; peakMiB: number };
    expect(last.rows).toBe(3_000_000);
    // The strings alone would be more than 200 MiB in V8, and a Map of them another 200.
    expect(last.peakMiB).toBeLessThan(512);
  });
});

test('a stream that ends early is closed, and one that is not drawn to its end as well', async () => {
  let destroyed = false;
  const stream = Readable.from(endlessCsv());
  stream.on('close', () => {
    destroyed = true;
  });
  const columns = [{ name: 'nobody' }];
  await expectRejected('INVALID_ARGUMENT', buildIndex({ stream, format: 'csv' }, files.path('y.idx'), { columns }), /no column "nobody"/);
  await new Promise((resolve) => setImmediate(resolve));
  expect(destroyed || stream.destroyed).toBe(true);
});
