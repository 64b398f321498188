import { randomBytes } from 'node:crypto';
import { type FileHandle, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { NofaultError } from '../../errors';
import type { Scratch } from './spills';
import { systemError } from './system-error';

const SLASH = 0x2f;
/** Bytes of a name, in most file systems. */
const LONGEST_FILE_NAME = 255;

/** Where an index goes: its path, the folder, and a name in it that the index has until it is complete. */
export interface Place {
  /** As it was given, for errors. */
  readonly name: string;
  readonly path: Buffer;
  readonly folder: Buffer;
  readonly partial: Buffer;
}

/**
 * Finds out where an index goes, and refuses what is no place for one. Behind a symbolic link it goes to where that leads.
 */
export async function findPlace(given: Buffer): Promise<Place> {
  const name = given.toString();
  const path = await realpath(given, { encoding: 'buffer' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return given;
    throw writeError(error, name);
  });
  const status = await stat(path).catch(() => undefined);
  if (status !== undefined && !status.isFile()) {
    throw new NofaultError('UNSUPPORTED', `${name} is not a regular file, so no index can take its place`, { path: name });
  }
  const slash = path.lastIndexOf(SLASH);
  const folder = slash < 0 ? Buffer.from('.') : path.subarray(0, Math.max(1, slash));
  const file = path.subarray(slash + 1);
  if (file.length === 0) throw new NofaultError('INVALID_ARGUMENT', `${name} names a folder: give the index a name in it`);
  return { name, path, folder, partial: hidden(folder, file, 'partial') };
}

/** Refuses to put an index where its own table is. */
export async function refuseSource({ path, name }: Place, source: Uint8Array): Promise<void> {
  // Whatever is wrong with either is told by who opens it.
  const [from, to] = await Promise.all([Buffer.from(source), path].map((file) => stat(file, { bigint: true }).catch(() => undefined)));
  if (from === undefined || to === undefined || from.dev !== to.dev || from.ino !== to.ino) return;
  throw new NofaultError(
    'INVALID_ARGUMENT',
    `${name} is the table itself, and the index would take its place: give the index another name`,
    {
      path: name,
    },
  );
}

/** The index while it is written: beside its place, under a name that nothing else has. */
export async function createPartial({ name, partial }: Place): Promise<Scratch> {
  try {
    return await withDevice(await open(partial, 'wx+'));
  } catch (error) {
    throw writeError(error, name);
  }
}

/** Puts the complete index in its place: on the disk before the name is, and the name before this resolves. Closes it. */
export async function publish({ name, path, folder, partial }: Place, handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
    await handle.close();
    await rename(partial, path);
    await flushFolder(folder);
  } catch (error) {
    throw writeError(error, name);
  }
}

async function flushFolder(folder: Buffer): Promise<void> {
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } catch (error) {
    // Some file systems have nothing to flush for a folder.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EINVAL' && code !== 'ENOTSUP' && code !== 'EBADF') throw error;
  } finally {
    await directory.close();
  }
}

export async function discardPartial({ partial }: Pick<Place, 'partial'>): Promise<void> {
  await unlink(partial).catch(() => {});
}

/** A file beside the index that has no name any more: it is gone when it is closed, and when the process ends in whatever way. */
export async function makeScratch({ folder, path }: Place): Promise<Scratch> {
  const name = hidden(folder, path.subarray(path.lastIndexOf(SLASH) + 1), 'scratch');
  const handle = await open(name, 'wx+');
  try {
    await unlink(name);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return withDevice(handle);
}

/** What went wrong while writing, with the index's own name: what is written has names that nobody knows. */
export function writeError(cause: unknown, name: string): unknown {
  return systemError(cause, `cannot write ${name}`, name);
}

/** `.orders.idx.1f2e3d4c5b6a7988.partial` */
function hidden(folder: Buffer, file: Buffer, what: string): Buffer {
  const end = `.${randomBytes(8).toString('hex')}.${what}`;
  const start = file.subarray(0, LONGEST_FILE_NAME - end.length - 1);
  return Buffer.concat([folder, Buffer.from('/.'), start, Buffer.from(end)]);
}

async function withDevice(handle: FileHandle): Promise<Scratch> {
  return { handle, device: (await handle.stat()).dev };
}
