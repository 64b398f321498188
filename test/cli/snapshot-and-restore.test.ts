import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pattern, TestFiles } from '../files';
import { nofault } from './run-cli';

const files = TestFiles.make();
const PAGE = 4096;

/** The machine may reclaim a page at any moment. */
async function eventually(work: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 30; attempt++) if (await work()) return;
  throw new Error('in 30 attempts it was never seen');
}

test('a snapshot is taken, and restored with one JSON object a file and the sums', async () => {
  const path = files.patterned('hot', 50 * PAGE);
  const out = files.path('hot.snapshot');
  await eventually(async () => {
    await nofault(['evict', path]);
    await nofault(['warm', '--range', `0-${10 * PAGE}`, path]);
    const taken = await nofault(['snapshot', '--json', path, '-o', out]);
    expect({ code: taken.code, stderr: taken.stderr }).toEqual({ code: 0, stderr: '' });
    const summary = JSON.parse(taken.stdout);
    expect(Object.keys(summary)).toEqual(['files', 'runs', 'residentBytes', 'snapshotBytes', 'failures', 'failed']);
    if (summary.residentBytes !== 10 * PAGE) return false;
    await nofault(['evict', path]);
    const { code, stdout, stderr } = await nofault(['restore', '--json', out]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [file, sums] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(file.path).toBe(path);
    expect(file.bytes + file.skippedBytes).toBe(10 * PAGE);
    expect(sums).toMatchObject({ files: 1, failed: 0, leftOutBytes: 0 });
    return file.bytes === 10 * PAGE;
  });
  const { stdout } = await nofault(['restore', '--most', '4096', out]);
  expect(stdout).toMatch(/of 1 file; .* needed no reading; 36\.0 KiB left out, for which memory has no room\n$/);
});

test('what cannot be looked at is told, and the rest is in the snapshot', async () => {
  const folder = files.path('mixed');
  mkdirSync(folder);
  writeFileSync(join(folder, 'fine'), pattern(PAGE));
  execFileSync('mkfifo', [join(folder, 'fi\nfo')]);
  const { code, stdout, stderr } = await nofault(['snapshot', folder, join(folder, 'gone'), '-o', files.path('mixed.snapshot')]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/ in memory of \d files?, in /);
  expect(stderr).toContain('fi\\nfo is a FIFO');
  expect(stderr).toContain('ENOENT');
});

test('what is no snapshot, and a place that is none, end with exit code 1 and one line', async () => {
  const noSnapshot = await nofault(['restore', __filename]);
  expect({ code: noSnapshot.code, stdout: noSnapshot.stdout }).toEqual({ code: 1, stdout: '' });
  expect(noSnapshot.stderr).toMatch(/^nofault: .* is no snapshot: .*\n$/);
  const noPlace = await nofault(['snapshot', files.folder, '-o', '/nonexistent/s']);
  expect({ code: noPlace.code, stdout: noPlace.stdout }).toEqual({ code: 1, stdout: '' });
  expect(noPlace.stderr).toMatch(/^nofault: cannot write \/nonexistent\/s: .*ENOENT.*\n$/);
});

test.each([[['snapshot', '.']], [['snapshot', '-o', 'x']], [['restore']], [['restore', 'a', 'b']], [['restore', '--most', 'x', 'a']]])(
  '%j is wrong usage',
  async (args) => {
    const { code, stdout } = await nofault(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  },
);
