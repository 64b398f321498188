import { statSync } from 'node:fs';
import { basename } from 'node:path';
import type { Mount } from '../../inspect/machine/mounts';
import { numberIn, type SystemFiles } from '../../inspect/machine/system-files';

/** What the kernel knows of the device below a file. Undefined where it cannot be seen. */
export interface Device {
  /** `vda`; undefined where no block device lies below. */
  readonly name: string | undefined;
  /** Bytes. */
  readonly readAhead: number | undefined;
  readonly longestRequest: number | undefined;
}

/**
 * @param number the file's device, `major:minor`
 * @param mount where the file lies: its source names the device of file systems whose files have numbers of their own, as btrfs's
 */
export function deviceOf(files: SystemFiles, number: string, mount: Mount | undefined): Device {
  const numbers = [number, mount?.device, sourceNumber(mount?.source)].filter((one) => one !== undefined);
  for (const one of numbers) {
    const block = `/sys/dev/block/${one}`;
    // A partition has the queue of its disk, which is the folder around it.
    for (const disk of [block, `${block}/..`]) {
      const longest = numberIn(files, `${disk}/queue/max_sectors_kb`);
      if (longest === undefined) continue;
      const name = /^DEVNAME=(.*)$/m.exec(files.text(`${block}/uevent`) ?? '')?.[1];
      const readAhead = numberIn(files, `${disk}/queue/read_ahead_kb`);
      return { name: name && basename(name), readAhead: inBytes(readAhead), longestRequest: inBytes(longest) };
    }
  }
  for (const one of numbers) {
    const readAhead = numberIn(files, `/sys/class/bdi/${one}/read_ahead_kb`);
    if (readAhead !== undefined) return { name: undefined, readAhead: inBytes(readAhead), longestRequest: undefined };
  }
  return { name: undefined, readAhead: undefined, longestRequest: undefined };
}

function inBytes(kib: number | undefined): number | undefined {
  return kib === undefined ? undefined : kib * 1024;
}

function sourceNumber(source: string | undefined): string | undefined {
  if (!source?.startsWith('/dev/')) return undefined;
  const status = statSync(source, { throwIfNoEntry: false, bigint: true });
  if (!status?.isBlockDevice()) return undefined;
  // The encoding of makedev(3).
  const number = status.rdev;
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn);
  const minor = (number & 0xffn) | ((number >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}
