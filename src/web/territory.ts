import { realpath } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { NofaultError } from '../errors';
import type { FileName, Paths } from '../inspect/contract';

const SLASH = 0x2f;

/** The files that may be looked at: those that were given, and what lies below folders that were given, wherever symbolic links would lead. */
export class Territory {
  readonly #given: readonly Buffer[];

  constructor(paths: Paths) {
    const all = typeof paths === 'string' || Buffer.isBuffer(paths) || paths instanceof URL ? [paths] : [...paths];
    this.#given = all.map((path) => Buffer.from(path instanceof URL ? fileURLToPath(path) : path));
  }

  /**
   * Rejects with `UNSUPPORTED` where a path leads out: a folder below one that was given has become a symbolic link since its files were listed. Links that were given
   * themselves are followed, to wherever they lead at this moment.
   */
  async check(path: FileName): Promise<void> {
    const name = Buffer.from(path);
    const real = await realpath(name, 'buffer');
    for (const given of this.#given) {
      if (isWithin(name, given) && isWithin(real, await realpath(given, 'buffer'))) return;
    }
    throw new NofaultError('UNSUPPORTED', 'A symbolic link leads from here to a file outside of what was given.', {
      path: path.toString(),
    });
  }
}

/** Whether a path is that folder's, or lies below it, by its letters. */
function isWithin(path: Buffer, folder: Buffer): boolean {
  if (path.length < folder.length || path.compare(folder, 0, folder.length, 0, folder.length) !== 0) return false;
  return path.length === folder.length || folder.at(-1) === SLASH || path[folder.length] === SLASH;
}
