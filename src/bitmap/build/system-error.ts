import { getSystemErrorName } from 'node:util';
import { NofaultError } from '../../errors';

/** The reasons that people meet, without the name of a file in them: Node's messages have one, and not always the one that the caller knows. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'it would be larger than a file may be here',
  EIO: 'the storage failed',
  EISDIR: 'it is a directory',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on the device',
  ENOTDIR: 'a part of its path is no directory',
  EROFS: 'the file system is read-only',
};

/** An error of the system as a NofaultError that begins with `what`; anything else as it is. */
export function systemError(cause: unknown, what: string, path: string): unknown {
  const { errno, syscall, message } = cause as NodeJS.ErrnoException;
  if (cause instanceof NofaultError || typeof errno !== 'number' || errno === 0) return cause;
  const name = getSystemErrorName(-Math.abs(errno));
  return new NofaultError('IO', `${what}: ${REASONS[name] ?? message} (${name})`, { errno: Math.abs(errno), syscall, path, cause });
}

/** The same for what went wrong while a source was read. */
export function readError(cause: unknown, name: string): unknown {
  return systemError(cause, `cannot read ${name}`, name);
}
