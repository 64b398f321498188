import { posix } from 'node:path';
import { type Mount, mountsOf } from './mounts';
import { fieldIn, numberIn, type SystemFiles } from './system-files';

/** The memory limit that binds this process: that of its own control group, or of one around it. */
export interface MemoryLimit {
  readonly version: 1 | 2;
  /** Bytes; undefined where there is none. */
  readonly limit: number | undefined;
  /** Bytes that the group with the limit uses, file pages included, and those of them that are file pages. */
  readonly used: number | undefined;
  readonly file: number | undefined;
}

/** What version 1 calls "no limit" is a number, the largest count of pages. */
const NO_LIMIT = 2 ** 62;

/** Undefined where the process is in no group that counts memory, or that cannot be seen from here. */
export function memoryLimitOf(files: SystemFiles): MemoryLimit | undefined {
  const own = groupOf(files, 'memory');
  if (!own) return undefined;
  const names =
    own.version === 2
      ? { limits: ['memory.max', 'memory.high'], used: 'memory.current', file: 'file' }
      : { limits: ['memory.limit_in_bytes'], used: 'memory.usage_in_bytes', file: 'total_cache' };
  let binding = { folder: own.folders[0] as string, limit: NO_LIMIT };
  let counts = false;
  for (const folder of own.folders) {
    counts ||= files.text(posix.join(folder, names.used)) !== undefined;
    // `max`, which is no number, is no limit. Beyond memory.high a process is slowed down until it is below again.
    const limit = Math.min(...names.limits.map((name) => numberIn(files, posix.join(folder, name)) ?? NO_LIMIT));
    if (limit < binding.limit) binding = { folder, limit };
  }
  if (!counts) return undefined;
  const file = fieldIn(files.text(posix.join(binding.folder, 'memory.stat')), names.file);
  return {
    version: own.version,
    limit: binding.limit < NO_LIMIT ? binding.limit : undefined,
    used: numberIn(files, posix.join(binding.folder, names.used)),
    file: file === undefined ? undefined : Number(file),
  };
}

/** Processors' worth of time that the groups allow; undefined where they set no limit. */
export function processorLimitOf(files: SystemFiles): number | undefined {
  const own = groupOf(files, 'cpu');
  const limits = (own?.folders ?? []).map((folder) => {
    const read = (name: string): number | undefined => numberIn(files, posix.join(folder, name));
    const [quota, period] =
      own?.version === 2
        ? (files.text(posix.join(folder, 'cpu.max'))?.split(' ').map(Number) ?? [])
        : [read('cpu.cfs_quota_us'), read('cpu.cfs_period_us')];
    // `max` in version 2 and -1 in version 1 are no limit.
    return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : Number.POSITIVE_INFINITY;
  });
  const least = Math.min(...limits);
  return Number.isFinite(least) ? least : undefined;
}

/** The folders of the process's own group and of those around it, as far as they can be seen; the innermost first. */
function groupOf(files: SystemFiles, controller: string): { version: 1 | 2; folders: string[] } | undefined {
  const lines = (files.text('/proc/self/cgroup')?.split('\n') ?? []).map((line) => /^\d+:([^:]*):(.*)$/.exec(line));
  const mounts = mountsOf(files);
  const first = lines.find((line) => line?.[1]?.split(',').includes(controller));
  const second = lines.find((line) => line?.[1] === '');
  const line = first ?? second;
  const isMount = (mount: Mount): boolean =>
    first ? mount.type === 'cgroup' && mount.options.includes(controller) : mount.type === 'cgroup2';
  const mount = mounts.find(isMount);
  if (!line || !mount) return undefined;
  return { version: first ? 1 : 2, folders: foldersUpwards(mount, line[2] as string) };
}

function foldersUpwards(mount: Mount, path: string): string[] {
  const inside = posix.relative(mount.root, path);
  // A group outside of what is mounted cannot be seen; the mounted root is around it or is it.
  const steps = inside === '' || inside.startsWith('..') ? [] : inside.split('/');
  return Array.from({ length: steps.length + 1 }, (_, up) => posix.join(mount.point, ...steps.slice(0, steps.length - up)));
}
