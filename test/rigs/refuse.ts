import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { hasTool, ROOT_FOLDER } from './system';

/** The system calls that can be refused. */
export type SystemCall =
  | 'cachestat'
  | 'fadvise64'
  | 'madvise'
  | 'mincore'
  | 'mlock2'
  | 'move_pages'
  | 'preadv2'
  | 'process_madvise'
  | 'readahead';

/** System calls, and the error that each is refused with: containers use EPERM, old kernels ENOSYS. */
export type Refusals = Readonly<Partial<Record<SystemCall, keyof typeof constants.errno>>>;

/** Why system calls cannot be refused on this machine; undefined where they can. */
export function refusingLacks(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (!['x64', 'arm64'].includes(process.arch)) return 'needs a processor of x86-64 or arm64';
  return hasTool(compiler()) ? undefined : `needs a C compiler (${compiler()})`;
}

/** The words before a command line that have it run without these system calls. Needs no rights. */
export function refusing(refusals: Refusals): string[] {
  const rules = Object.entries(refusals).map(([call, errno]) => `${call}=${constants.errno[errno]}`);
  return [refuser(), ...rules, '--'];
}

/** The program that sets the filter, compiled when it is first needed and whenever its source has changed. */
function refuser(): string {
  const source = join(ROOT_FOLDER, 'test', 'rigs', 'refuse.c');
  const folder = join(ROOT_FOLDER, '.build', 'rigs');
  const path = join(folder, `refuse-${createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)}`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  // Put in place whole: another test may be doing the same in this moment.
  const fresh = `${path}.${process.pid}`;
  const made = spawnSync(compiler(), ['-O1', '-Wall', '-Wextra', '-o', fresh, source], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`${source} could not be compiled: ${made.error?.message ?? made.stderr}`);
  renameSync(fresh, path);
  return path;
}

function compiler(): string {
  return process.env.CC?.split(' ')[0] || 'cc';
}
