import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { refusalOf } from '../failures';
import { fileName, type Name } from '../names';
import { withPositiveErrno } from './errno';

/**
 * Lets `write` fill a new file beside its place, and puts it there when it is whole and on the disk: who reads the place finds the file from before or the new one, and never
 * a part of one.
 */
export async function writeWhole<T>(place: Name, write: (handle: FileHandle) => Promise<T>): Promise<T> {
  const partial = Buffer.concat([place.bytes, Buffer.from(`.${randomBytes(8).toString('hex')}.partial`)]);
  let handle: FileHandle | undefined;
  try {
    handle = await open(partial, 'wx');
    const result = await write(handle);
    await handle.sync();
    await handle.close();
    await rename(partial, place.bytes);
    return result;
  } catch (error) {
    if (handle !== undefined) {
      await handle.close().catch(() => {});
      await unlink(partial).catch(() => {});
    }
    const { syscall, name } = error as NodeJS.ErrnoException;
    const ofSystem = syscall !== undefined && name !== 'NofaultError';
    throw ofSystem ? refusalOf(fileName(place), withPositiveErrno(error), 'write') : error;
  }
}
