import { BringingIn } from './bringing-in';
import { CachedFile } from './cached-file';
import type { FileResidency, PathsOrParts, Progress, WarmOptions } from './contract';
import { fileByFile } from './file-by-file';
import { Pace } from './pace';
import { Parts, type PartsTask } from './parts';
import { checkBoolean, checkNumber, checkTreeOptions } from './paths';
import { type FileProgress, ProgressSums } from './progress';

/**
 * Brings files, or parts of them, into memory: what is missing is read, on threads and in pieces, and nothing else; holes are skipped. What the kernel does not tell about
 * is read, which brings in what is missing of it. Nothing keeps the pages there: `MappedFile.lock` does.
 *
 * Throws `INVALID_ARGUMENT` for wrong arguments; the iteration rejects with the signal's reason when it is cancelled, and leaving it ends the work. A file that cannot be opened
 * fails with `IO` or `UNSUPPORTED`; one of which pages cannot be read with `IO` or `TRUNCATED`, and its other pages have been read.
 */
export function warm(paths: PathsOrParts, options: WarmOptions = {}): AsyncIterable<Progress> {
  checkTreeOptions(options);
  checkNumber(options.rate, 'options.rate', 1, Number.MAX_SAFE_INTEGER, 'any');
  checkBoolean(options.countFirst, 'options.countFirst');
  const parts = new Parts(paths, options);
  return { [Symbol.asyncIterator]: () => warming(parts, options) };
}

async function* warming(parts: Parts, { rate, countFirst, signal }: WarmOptions): AsyncGenerator<Progress, void, undefined> {
  const sums = new ProgressSums();
  if (countFirst) sums.toDo = await parts.sum(missingBytes);
  const bringing = new BringingIn(new Pace(rate));
  yield* fileByFile(parts.tasks(), (task, progress, ending) => warmFile(task, bringing, progress, ending), sums, signal);
}

async function warmFile(
  { name, found, ranges }: PartsTask,
  bringing: BringingIn,
  progress: FileProgress,
  signal: AbortSignal,
): Promise<void> {
  // Nothing to do, and so nothing to open: most files of a tree that is warm.
  if (ranges === undefined && found !== undefined && found.residentBytes === found.size) {
    progress.skipped(found.size);
    return;
  }
  const file = await CachedFile.open(name);
  try {
    await bringing.file(file, ranges, progress, signal);
  } finally {
    file.close();
  }
}

/** An estimate: where there are holes it is not known whether what is resident lies in them. */
function missingBytes({ size, allocatedBytes, residentBytes }: FileResidency): number {
  return Math.max(0, Math.min(size, allocatedBytes) - residentBytes);
}
