import { addon } from '../native';
import { CachedFile } from './cached-file';
import type { EvictOptions, PathsOrParts, Progress } from './contract';
import { refusal } from './failures';
import { fileByFile } from './file-by-file';
import { bytesIn, pageRanges } from './page-ranges';
import { Parts, type PartsTask } from './parts';
import { checkBoolean, checkTreeOptions } from './paths';
import { type FileProgress, ProgressSums } from './progress';

/** Bytes of a file that are dropped at once, so that progress can be told. */
const PIECE = 64 * 2 ** 20;

/**
 * Drops files, or parts of them, from memory (posix_fadvise(2), POSIX_FADV_DONTNEED), after what is dirty has been written to the device. What stays is told: pages that a process
 * has mapped, that are locked or on their way to the device, and, without `flush`, dirty ones. Files of tmpfs have no other place and stay altogether. Of a range only pages that lie in it
 * as a whole are dropped. Whoever reads the file brings it back.
 *
 * It needs no right but to read the file. Throws and rejects as `warm` does; where the kernel does not tell what is in memory, nobody knows what has left, and all of it is in `unknownBytes`.
 */
export function evict(paths: PathsOrParts, options: EvictOptions = {}): AsyncIterable<Progress> {
  checkTreeOptions(options);
  for (const name of ['countFirst', 'flush'] as const) checkBoolean(options[name], `options.${name}`);
  const parts = new Parts(paths, options);
  return { [Symbol.asyncIterator]: () => evicting(parts, options) };
}

async function* evicting(parts: Parts, { countFirst, flush = true, signal }: EvictOptions): AsyncGenerator<Progress, void, undefined> {
  const sums = new ProgressSums();
  if (countFirst) sums.toDo = await parts.sum(({ residentBytes }) => residentBytes);
  yield* fileByFile(parts.tasks(), (task, progress, ending) => evictFile(task, flush, progress, ending), sums, signal);
}

async function evictFile({ name, found, ranges }: PartsTask, flush: boolean, progress: FileProgress, signal: AbortSignal): Promise<void> {
  if (found !== undefined && found.residentBytes + found.unknownBytes === 0) {
    progress.skipped(found.size);
    return;
  }
  const file = await CachedFile.open(name);
  const { pageSize } = addon();
  const edges = pageRanges(ranges, file.size, pageSize, 'whole');
  try {
    for (let i = 0; i < edges.length; i += 2) {
      const end = edges[i + 1] as number;
      for (let from = edges[i] as number; from < end; from += PIECE / pageSize) {
        signal.throwIfAborted();
        const behind = Math.min(end, from + PIECE / pageSize);
        const { errno, before, after } = await file.drop(from, behind - from, flush);
        if (errno !== 0) progress.failed(refusal(progress.path, errno, 'sync_file_range', 'write out'));
        const bytes = bytesIn([from, behind], file.size, pageSize);
        if (before < 0 || after < 0) {
          progress.unknown(bytes);
          continue;
        }
        const kept = Math.min(bytes, after * pageSize);
        const gone = Math.min(bytes, Math.max(0, before - after) * pageSize);
        progress.kept(kept);
        progress.done(Math.min(gone, bytes - kept));
        progress.skipped(bytes - kept - Math.min(gone, bytes - kept));
      }
    }
  } finally {
    file.close();
  }
}
