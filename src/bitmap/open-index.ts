import type { FileHandle } from 'node:fs/promises';
import type { OpenOptions } from '../file/contract';
import { open } from '../file/open';
import { BitmapIndex } from './bitmap-index';
import { Edition } from './edition';

/**
 * Opens an index that `buildIndex` wrote. A page at its beginning and the table of columns at its end are read, whatever its size. Rejects with `BAD_FORMAT` and the offset
 * when it is damaged, cut off, or no index, and otherwise as `open` does.
 */
export async function openIndex(path: string | Buffer | URL | FileHandle, options: OpenOptions = {}): Promise<BitmapIndex> {
  // First, so that an index which is renamed to the path meanwhile is noticed by the first refresh, rather than never.
  const place = await open(path, options);
  const reopen = (again: OpenOptions) => Edition.open(path, { ...(options.trust && { trust: options.trust }), ...again });
  try {
    return new BitmapIndex(await reopen(options), place, reopen);
  } catch (error) {
    await place.close();
    throw error;
  }
}
