import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { TestFiles } from '../files';
import { nofault } from './run-cli';

const files = TestFiles.make();
const PAGE = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }));

describe('trees', () => {
  let tree: string;
  beforeAll(() => {
    tree = files.path('tree');
    mkdirSync(join(tree, 'sub'), { recursive: true });
    // Holes that nobody has read: nothing of them is in memory.
    files.sparse('tree/big', 30 * PAGE);
    files.sparse('tree/sub/small', PAGE);
    files.sparse('tree/sub/other.idx', 2 * PAGE);
  });
  const namesIn = (stdout: string): string[] => stdout.split('\n').flatMap((line) => /\/tree\/(\S+)$/.exec(line)?.[1] ?? []);

  test('are walked, filtered and sorted', async () => {
    const [all, some, sorted, flat] = await Promise.all([
      nofault(['inspect', tree]),
      nofault(['inspect', '--include', '*.idx', '--exclude', 'big', tree]),
      nofault(['inspect', '--sort', 'size', '--no-map', tree]),
      nofault(['inspect', '--no-recursive', tree]),
    ]);
    expect(namesIn(all.stdout).sort()).toEqual(['big', 'sub/other.idx', 'sub/small']);
    expect(all.stdout).toMatch(/ 3 files together\n$/);
    expect(namesIn(some.stdout)).toEqual(['sub/other.idx']);
    expect(namesIn(sorted.stdout)).toEqual(['big', 'sub/other.idx', 'sub/small']);
    expect(sorted.stdout.split('\n')).toHaveLength(6);
    expect([flat.code, flat.stdout]).toEqual([1, '']);
    expect(flat.stderr).toMatch(/is a directory/);
  });

  test('--total is one line, of all files', async () => {
    const [table, json] = await Promise.all([nofault(['inspect', '--total', tree]), nofault(['inspect', '--total', '--json', tree])]);
    expect(table.stdout.split('\n')).toHaveLength(3);
    expect(table.stdout).toMatch(/^.*\n +0 B +[\d.]+ KiB +0 % {2}3 files together\n$/);
    expect(json.stdout).toMatch(/^[^\n]+\n$/);
    expect(JSON.parse(json.stdout)).toMatchObject({ files: 3, failed: 0, size: 33 * PAGE, residentBytes: 0, unknownBytes: 0 });
  });

  test('--min leaves out what has less in memory', async () => {
    const { code, stdout } = await nofault(['inspect', '--min', '1', '--json', tree]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  });

  test('a file that is met again is shown so, and is in no sum', async () => {
    const path = join(tree, 'big');
    const { stdout } = await nofault(['inspect', '--no-map', path, path]);
    expect(stdout).toMatch(/big \(again, by another name\)\n/);
    expect(stdout).toMatch(/ 1 file\n$/);
  });
});
