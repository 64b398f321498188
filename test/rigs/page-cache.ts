import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { hasTool, ROOT_FOLDER } from './system';

/** Why the page cache cannot be looked at, and emptied of mapped pages, by another process here; undefined where it can. */
export function pageCacheLacks(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  return hasTool(compiler()) ? undefined : `needs a C compiler (${compiler()})`;
}

/** Which pages of the file are in the page cache, as another process is told that may know it. It brings nothing in. */
export function residentPages(path: string): boolean[] {
  return Array.from(call('resident', path).trimEnd(), (state) => state === '1');
}

/** Has the kernel reclaim what it can of the file from these processes, which map it, as a manager of memory does. */
export function pageOut(path: string, ...processes: readonly number[]): void {
  call('page-out', path, ...processes.map(String));
}

/** Tells the kernel that these processes, which map the file, do not need it: its pages are the next to go, but nothing goes yet. */
export function makeCold(path: string, ...processes: readonly number[]): void {
  call('cold', path, ...processes.map(String));
}

function call(...words: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program(), words, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status === 0) return stdout;
  throw new Error(`page-cache ${words.join(' ')} failed: ${error?.message ?? stderr}`);
}

let made: string | undefined;

/** The program, compiled when it is first needed and whenever its source has changed. */
function program(): string {
  made ??= compile();
  return made;
}

function compile(): string {
  const source = join(ROOT_FOLDER, 'test', 'rigs', 'page-cache.c');
  const folder = join(ROOT_FOLDER, '.build', 'rigs');
  const path = join(folder, `page-cache-${createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)}`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  // Put in place whole: another test may be doing the same in this moment.
  const fresh = `${path}.${process.pid}`;
  const { status, stderr, error } = spawnSync(compiler(), ['-O1', '-Wall', '-Wextra', '-o', fresh, source], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${source} could not be compiled: ${error?.message ?? stderr}`);
  renameSync(fresh, path);
  return path;
}

function compiler(): string {
  return process.env.CC?.split(' ')[0] || 'cc';
}
