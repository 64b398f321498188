import { constants } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { NofaultError } from '../errors';
import type { SystemError } from '../native';
import type { FileName } from './contract';
import { shown } from './names';

const { S_IFDIR, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK, S_IFLNK } = constants;

const KINDS = new Map([
  [S_IFDIR, 'a directory'],
  [S_IFIFO, 'a FIFO'],
  [S_IFSOCK, 'a socket'],
  [S_IFCHR, 'a character device'],
  [S_IFBLK, 'a block device'],
  [S_IFLNK, 'a symbolic link'],
]);

/** A file or folder that the system refuses. */
export function refusal(path: FileName, errno: number, syscall: string | undefined, doing = 'open'): NofaultError {
  const [name, meaning] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, 'an error that Node does not know'];
  return new NofaultError('IO', `cannot ${doing} ${shown(path)}: ${meaning} (${name})`, { errno, syscall, path: shown(path) });
}

export function refusalOf(path: FileName, error: unknown, doing = 'open'): NofaultError {
  if (error instanceof NofaultError) return error;
  const { errno, syscall, message } = error as SystemError;
  if (errno !== undefined) return refusal(path, errno, syscall, doing);
  return new NofaultError('IO', `cannot ${doing} ${shown(path)}: ${message}`, { path: shown(path), cause: error });
}

/** What is no regular file, by the S_IFMT bits of its mode. */
export function notRegular(path: FileName, mode: number): NofaultError {
  const kind = KINDS.get(mode) ?? 'something else';
  return new NofaultError('UNSUPPORTED', `${shown(path)} is ${kind}, and only regular files have pages in memory`, { path: shown(path) });
}

/** What lies on proc or the like. */
export function notOnDisk(path: FileName): NofaultError {
  const message = `${shown(path)} is made up by the kernel when it is read (as in /proc and /sys), and has no pages in memory`;
  return new NofaultError('UNSUPPORTED', message, { path: shown(path) });
}
