import type { FileHandle } from 'node:fs/promises';
import type { OpenOptions } from '../file/contract';
import { open } from '../file/open';
import { BitmapIndex } from './bitmap-index';
import { Edition } from './edition';

/**
 * Opens an index that `buildIndex` wrote. A page at its beginning and the table of columns at its end are read, whatever its size. Rejects with `BAD_FORMAT` and the offset
 * when it is damaged, cut off, or no index, and otherwise as `open` does.
 */
export function openIndex(path: string | Buffer | URL | FileHandle, options: OpenOptions = {}): Promise<BitmapIndex> {
  // First, so that an index which is renamed to the path meanwhile is noticed by the first refresh, rather than never.
  const place = open(path, options);
  const reopen = (again: OpenOptions) => Edition.open(path, { ...(options.trust && { trust: options.trust }), ...again });
  return place.then(async (file) => {
    try {
      return new BitmapIndex(await reopen(options), file, reopen);
    } catch (error) {
      await file.close();
      throw error;
    }
  });
}
