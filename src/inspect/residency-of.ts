import { invalidArgument } from '../errors';
import type { ByteRange, ResidencyMap } from '../file/contract';
import { mapOf } from '../file/residency-map';
import { addon } from '../native';
import { CachedFile } from './cached-file';
import type { FileName } from './contract';
import { checkName } from './names';
import { checkRanges } from './page-ranges';

/**
 * What of one file, or of a byte range of it, is in memory, page by page, as of a moment ago: asked on a thread. As `MappedFile.residency`, for who does not want to read the
 * file. A range may reach behind the file's end: what is told of it ends with the file.
 *
 * Throws `INVALID_ARGUMENT` at once; rejects with `IO` where the file cannot be opened, and with `UNSUPPORTED` for what is no regular file.
 */
export function residencyOf(path: FileName | URL, range?: ByteRange): Promise<ResidencyMap> {
  const name = checkName(path, 'path');
  const [wanted] = range === undefined ? [] : checkRanges([range], 'range');
  if (range !== undefined && wanted === undefined) throw invalidArgument('range', 'a byte range { offset, length }', range);
  return CachedFile.open(name).then(async (file) => {
    try {
      const { offset, length } = wanted ?? { offset: 0, length: file.size };
      const from = Math.min(offset, file.size);
      const asked = { offset: from, length: Math.min(length, file.size - from) };
      const { pageSize } = addon();
      const first = Math.floor(from / pageSize);
      const behind = asked.length === 0 ? first : Math.ceil((from + asked.length) / pageSize);
      return mapOf(asked, pageSize, await file.residency(first, behind - first));
    } finally {
      file.close();
    }
  });
}
