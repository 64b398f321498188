import type { SystemFiles } from './system-files';

/** One line of /proc/self/mountinfo, as proc_pid_mountinfo(5) describes it. */
export interface Mount {
  readonly id: number;
  /** `major:minor`. */
  readonly device: string;
  /** The folder of the file system that is mounted, and where. */
  readonly root: string;
  readonly point: string;
  /** `ext4`, `fuse.sshfs`, ... */
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export function mountsOf(files: SystemFiles): Mount[] {
  const lines = files.text('/proc/self/mountinfo')?.split('\n') ?? [];
  return lines.flatMap((line) => {
    // Optional fields end with a lone hyphen.
    const [before = '', after = ''] = line.split(' - ');
    const [id, , device, root, point] = before.split(' ');
    const [type, source, options] = after.split(' ');
    if (device === undefined || root === undefined || point === undefined || !type || source === undefined) return [];
    const mount = { id: Number(id), device, root: unescaped(root), point: unescaped(point), type, source: unescaped(source) };
    return [{ ...mount, options: options?.split(',') ?? [] }];
  });
}

/** Blanks, tabs, line breaks and backslashes are three octal digits there. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
