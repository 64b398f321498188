import { getSystemErrorName } from 'node:util';
import { NofaultError } from '../errors';
import { addon, type SystemError } from '../native';
import { Pages } from './pages';
import { closedError } from './read-errors';

/** Looks at a file again: gives its pages another size if it has one now, or returns the pages of the file that has taken its place. */
export async function lookAgain(pages: Pages): Promise<Pages | undefined> {
  if (pages.closed) throw closedError(pages.path);
  const { path, target, trust } = pages;
  try {
    const { size, same } = await pages.native.look(target);
    if (pages.closed) throw closedError(pages.path);
    if (same || target === undefined) {
      pages.forgetFault();
      await pages.locks.resize(size);
      return undefined;
    }
    const native = await addon().open(target, trust);
    if (!pages.closed) {
      pages.locks.leave();
      return new Pages(native, path, target, trust, pages.handOver());
    }
    void native.close();
    throw closedError(pages.path);
  } catch (cause) {
    if (cause instanceof NofaultError) throw cause;
    const { errno, syscall, kind, message } = cause as SystemError;
    if (kind !== undefined) throw new NofaultError('UNSUPPORTED', `${path} is ${kind} now, and only regular files can be mapped`, { path });
    const name = errno === undefined ? '' : ` (${getSystemErrorName(-errno)})`;
    throw new NofaultError('IO', `cannot look at ${path} again: ${message}${name}`, { errno, syscall, path, cause });
  }
}
