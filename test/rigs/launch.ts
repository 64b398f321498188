import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { type ChildResult, finished } from './children';
import type { MemoryCgroup } from './memory-cgroup';
import { type Refusals, refusing } from './refuse';
import { hasTool } from './system';

/** What a process meets when it is started. Everything can be combined. */
export interface Circumstances {
  /** It is a member of this group from its first moment on, and so are its children. */
  readonly group?: MemoryCgroup | undefined;
  /** System calls that the kernel refuses it, and with which error. */
  readonly refuse?: Refusals | undefined;
  /**
   * Not root any more but uid and gid 65534. `'nobody'` has no rights at all; it may not even get at a checkout below a home folder. `'reader'` may read
   * every file, without owning or being allowed to write one.
   */
  readonly as?: 'nobody' | 'reader' | undefined;
}

const NOBODY = 65534;

/** Starts a process under these circumstances. */
export function start(command: string, words: readonly string[], circumstances: Circumstances, options: SpawnOptions = {}): ChildProcess {
  const [first = command, ...rest] = [...prefix(circumstances), command, ...words];
  return spawn(first, rest, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
}

/** Runs a process under these circumstances to its end. */
export function run(
  command: string,
  words: readonly string[],
  circumstances: Circumstances,
  options: SpawnOptions = {},
): Promise<ChildResult> {
  return finished(start(command, words, circumstances, options));
}

/** Why processes cannot be started as another user here; undefined where they can. */
export function otherUserLacks(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  if (!hasTool('setpriv')) return 'needs setpriv, of util-linux';
  const words = [...asUser('reader').slice(1), process.execPath, '-e', ''];
  const tried = spawnSync('setpriv', words, { encoding: 'utf8' });
  return tried.status === 0 ? undefined : `needs a user ${NOBODY} that can run node: ${tried.stderr.trim()}`;
}

/** The words that stand before a command line. Each prefix runs what follows it. */
function prefix({ group, refuse, as }: Circumstances): string[] {
  return [
    ...(group === undefined ? [] : ['sh', '-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', group.folder]),
    // Before the change of user, who need not be able to get at the program that refuses.
    ...(refuse === undefined ? [] : refusing(refuse)),
    ...(as === undefined ? [] : asUser(as)),
  ];
}

function asUser(as: 'nobody' | 'reader'): string[] {
  const rights = as === 'reader' ? ['--inh-caps=-all,+dac_read_search', '--ambient-caps=-all,+dac_read_search'] : ['--inh-caps=-all'];
  return ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', ...rights, '--'];
}
