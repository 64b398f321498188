import type { FileHandle } from 'node:fs/promises';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import { invalidArgument, NofaultError } from '../errors';
import { addon, type NativeFile, type SystemError } from '../native';
import { checkSignal, onAbort } from './cancelling';
import type { OpenOptions } from './contract';
import { keepGuard } from './guard';
import { MappedFile } from './mapped-file';
import { mapper } from './mapper';
import { Pages } from './pages';

/**
 * Opens a file for reading. Nothing of it is mapped or read before it is asked for, so that a file of many TiB costs as much as an empty one.
 *
 * A `FileHandle` must be open for reading, and may be closed afterwards. Rejects with `IO` and the errno when the file is missing or may not be read, with
 * `UNSUPPORTED` when it is no regular file (opening a FIFO does not wait) or on another system than Linux, and with the signal's reason when it is
 * abandoned. Never waits for the device on the event loop.
 */
export function open(path: string | Buffer | URL | FileHandle, options: OpenOptions = {}): Promise<MappedFile> {
  const { name, target } = targetOf(path);
  checkOptions(options);
  const { signal } = options;
  const trusting = options.trust !== 'never';
  return signal ? abandonable(signal, () => openTarget(target, name, trusting)) : openTarget(target, name, trusting);
}

async function openTarget(target: Buffer | number, name: string | undefined, trusting: boolean): Promise<MappedFile> {
  let native: NativeFile;
  // Loaded now rather than with the first window, which is made in the midst of a synchronous call.
  mapper();
  keepGuard();
  try {
    native = await addon().open(target, trusting);
  } catch (cause) {
    if (cause instanceof NofaultError) throw cause;
    throw openError(cause as SystemError, name ?? `file descriptor ${target}`);
  }
  return new MappedFile(new Pages(native, name ?? native.path.toString(), absolute(target), trusting));
}

/** What `refresh` looks at: the path of now, whatever becomes of the working directory. A handle has none. */
function absolute(target: Buffer | number): Buffer | undefined {
  if (typeof target === 'number' || target[0] === SLASH) return typeof target === 'number' ? undefined : target;
  return Buffer.concat([Buffer.from(`${process.cwd()}/`), target]);
}

function openError(cause: SystemError, path: string): NofaultError {
  const { errno, syscall, kind, message } = cause;
  if (kind !== undefined) return new NofaultError('UNSUPPORTED', `${path} is ${kind}, and only regular files can be mapped`, { path });
  const name = errno === undefined ? '' : ` (${getSystemErrorName(-errno)})`;
  if (errno === constants.errno.EBADF)
    return new NofaultError('IO', `cannot open ${path}: the handle must be open for reading${name}`, { errno, syscall, path, cause });
  return new NofaultError('IO', `cannot open ${path}: ${message}${name}`, { errno, syscall, path, cause });
}

/** Rejects with the signal's reason as soon as it aborts; what is opened later all the same is closed. */
async function abandonable(signal: AbortSignal, start: () => Promise<MappedFile>): Promise<MappedFile> {
  signal.throwIfAborted();
  const opening = start();
  let uncancel = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    uncancel = onAbort(signal, () => reject(signal.reason));
  });
  try {
    return await Promise.race([opening, aborted]);
  } catch (error) {
    opening.then(
      (file) => file.close(),
      () => {},
    );
    throw error;
  } finally {
    uncancel();
  }
}

const SLASH = 0x2f;

/** What the addon opens, and the path as it was given; a handle's is found out. */
function targetOf(path: unknown): { target: Buffer | number; name: string | undefined } {
  const expected = "a path (string, Buffer or 'file:' URL, not empty and without zero bytes) or a FileHandle";
  if (path instanceof URL) {
    try {
      return targetOf(fileURLToPath(path));
    } catch {
      throw invalidArgument('path', expected, path.href);
    }
  }
  if (typeof path === 'string' || Buffer.isBuffer(path)) {
    const target = Buffer.from(path as string);
    if (target.length === 0 || target.includes(0)) throw invalidArgument('path', expected, path.toString());
    return { target, name: path.toString() };
  }
  const fd: unknown = typeof path === 'object' && path !== null && 'fd' in path ? path.fd : undefined;
  if (typeof fd !== 'number') throw invalidArgument('path', expected, path);
  if (fd < 0) throw invalidArgument('path', 'a FileHandle that is open', 'one that has been closed');
  return { target: fd, name: undefined };
}

function checkOptions(options: OpenOptions): void {
  checkSignal(options);
  const { trust } = options;
  if (trust !== undefined && trust !== 'watch' && trust !== 'never') throw invalidArgument('options.trust', "'watch' or 'never'", trust);
}
