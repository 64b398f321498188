import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { MappedFile } from '../../src/index';
import { builtPackage } from '../built-package';
import { programPath } from '../child';

const PAGE = 4096;

/** Bytes that the kernel has locked for this process. */
export function lockedByKernel(): number {
  return 1024 * Number(/^VmLck:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

/** Bytes of the file that are both locked and mapped, as the kernel adds them up over its mappings. */
export function lockedAndMapped(path: string): number {
  let bytes = 0;
  let ours = false;
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) ours = line.endsWith(path);
    else if (ours) bytes += 1024 * Number(/^Locked:\s+(\d+)/.exec(line)?.[1] ?? 0);
  }
  return bytes;
}

/** Asserts that exactly so many pages of the file are locked, and are there. */
export function expectLocked(file: MappedFile, pages: number): void {
  expect({
    stats: file.stats().lockedBytes,
    kernel: lockedByKernel(),
    mapped: lockedAndMapped(file.path),
  }).toEqual({ stats: pages * PAGE, kernel: pages * PAGE, mapped: pages * PAGE });
}

/** So many pages, none of which touches the next. */
export const everySecond = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + 2 * i);

/** Runs one of test/programs in a process of its own that may lock so many KiB; what it printed. */
export function runLocking(program: string, words: string[], limit: number | 'hard' = 'hard'): string {
  const command = [process.execPath, '--expose-gc', programPath(program), builtPackage(), ...words];
  const script = limit === 'hard' ? 'exec "$@"' : `ulimit -l ${limit} && exec "$@"`;
  const result = spawnSync('sh', ['-c', script, 'sh', ...command], { encoding: 'utf8', timeout: 50_000 });
  expect({ status: result.status, stderr: result.stderr }).toEqual({ status: 0, stderr: '' });
  return result.stdout;
}
