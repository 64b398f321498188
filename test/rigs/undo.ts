import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lives, PREFIX, type ProcessId, readRecord } from './scratch';
import { tool, until } from './system';

/**
 * Undoes whatever a rig with this scratch folder has made, however far it came and in whatever state it is, and removes the folder. Can be called
 * repeatedly. Rejects where something resists, with what it is.
 */
export async function undo(folder: string): Promise<void> {
  const record = readRecord(folder);
  for (const id of record?.processes ?? []) killGroup(id);
  await abort(folder);
  // From above to below: a loop device is known by the path of its file, for as long as that is mounted.
  await unmount(mountsBelow(folder).filter((mount) => !isFuse(mount)));
  await detach(folder);
  await unmount(mountsBelow(folder));
  for (const group of record?.groups ?? []) await disband(group);
  // Never through a mount: what lies behind it is not ours to remove.
  const left = mountsBelow(folder);
  if (left.length > 0) throw new Error(`${left.map(({ path }) => path).join(', ')} could not be unmounted`);
  rmSync(folder, { recursive: true, force: true });
}

/** Undoes all rigs whose owners have gone; their folders. */
export async function undoLeftovers(): Promise<string[]> {
  const left = readdirSync(tmpdir())
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => join(tmpdir(), name))
    .filter((folder) => {
      const record = readRecord(folder);
      return record !== undefined && !lives(record.owner);
    });
  await Promise.all(left.map(undo));
  return left;
}

interface Mount {
  readonly path: string;
  readonly type: string;
}

/** What is mounted at or below the folder, the last mounted first. From the kernel's own table, for to look at a path may hang. */
export function mountsBelow(folder: string): Mount[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .map((words) => ({ path: unescaped(words[4] ?? ''), type: words[words.indexOf('-') + 1] ?? '' }))
    .filter(({ path }) => path === folder || path.startsWith(`${folder}/`))
    .reverse();
}

/** The loop devices whose files lie below the folder. */
export function loopsBelow(folder: string): string[] {
  const names = existsSync('/sys/block') ? readdirSync('/sys/block').filter((name) => name.startsWith('loop')) : [];
  return names.filter((name) => backingFile(name)?.startsWith(`${folder}/`)).map((name) => `/dev/${name}`);
}

function backingFile(loop: string): string | undefined {
  try {
    return readFileSync(`/sys/block/${loop}/loop/backing_file`, 'utf8');
  } catch {
    // It has none.
    return undefined;
  }
}

/** Of a process that leads a group: a mount that it was about to make ends with it. */
function killGroup(id: ProcessId): void {
  if (lives(id)) killOne(-id.pid);
}

function killOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // Gone in this moment.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Aborts the FUSE connections: whoever waits for a server gets an error, and nothing can hang any more. Unmounting by force does that, even if it then fails. */
async function abort(folder: string): Promise<void> {
  for (const { path } of mountsBelow(folder).filter(isFuse)) await tool('umount', ['-f', '-c', '-i', path]).catch(() => {});
}

async function unmount(mounts: readonly Mount[]): Promise<void> {
  for (const { path } of mounts) {
    // -l: those who still have files open keep a dead file system, not the mount. -c and -i: nothing looks at the path.
    await tool('umount', ['-l', '-c', '-i', path]).catch((error: Error) => {
      if (mountsBelow(path).length > 0) throw error;
    });
  }
}

function isFuse({ type }: Mount): boolean {
  return type.startsWith('fuse');
}

async function detach(folder: string): Promise<void> {
  for (const loop of loopsBelow(folder)) {
    await tool('losetup', ['-d', loop]).catch((error: Error) => {
      if (loopsBelow(folder).includes(loop)) throw error;
    });
  }
  // A device that somebody still had open goes with its last user.
  await until(`the loop devices of ${folder} have gone`, () => loopsBelow(folder).length === 0);
}

/** Ends all that runs in a control group, and removes it. Again and again, for a process may be about to join. */
async function disband(group: string): Promise<void> {
  await until(`${group} has gone`, () => {
    try {
      for (const pid of readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) killOne(Number(pid));
      rmdirSync(group);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EBUSY' && code !== 'ENOENT' && code !== 'ENODEV') throw error;
      return !existsSync(group);
    }
  });
}

/** mountinfo writes spaces and the like as octal numbers. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
