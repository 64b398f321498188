import { realpath } from 'node:fs/promises';
import { invalidArgument, NofaultError } from '../errors';
import type { ResidencyRun } from '../file/contract';
import type { FileName, FileResidency, Paths, SnapshotOptions, SnapshotSummary } from './contract';
import { Counting } from './counting';
import { checkName, type Name, nameOf, shown } from './names';
import { checkPaths, checkTreeOptions } from './paths';
import { writeWhole } from './snapshots/place';
import { SnapshotWriter } from './snapshots/writer';
import { Sums } from './totals';
import { Walk } from './walk';

/** Failures that a summary holds. */
const MOST_FAILURES = 100;

/**
 * Writes down what of files and trees is in memory, so that `restore` brings it back after a restart, or on another machine. Files are asked on threads, and nothing is read in; memory stays
 * bounded however many there are. Names are absolute, of where the paths lead once links are followed. The file at `out` is replaced when the new one is whole. docs/snapshot-format.md has its
 * bytes.
 *
 * Throws `INVALID_ARGUMENT` for wrong arguments; rejects with `IO` where the snapshot cannot be written, and with the signal's reason. A file that cannot be looked at, or of which the kernel
 * does not tell (`UNSUPPORTED`), is among the summary's failures and ends nothing.
 */
export function snapshot(paths: Paths, out: FileName | URL, options: SnapshotOptions = {}): Promise<SnapshotSummary> {
  checkTreeOptions(options);
  const given = checkPaths(paths);
  const place = checkName(out, 'out');
  const { onProgress } = options;
  if (onProgress !== undefined && typeof onProgress !== 'function') throw invalidArgument('options.onProgress', 'a function', onProgress);
  const counting = new Counting({ map: true, cells: 0 });
  // Globs are checked now.
  new Walk(bytesOf(given), options, counting);
  return take(given, place, options, counting);
}

async function take(given: readonly Name[], place: Name, options: SnapshotOptions, counting: Counting): Promise<SnapshotSummary> {
  options.signal?.throwIfAborted();
  const walk = new Walk(bytesOf(await Promise.all(given.map(whereItLies))), options, counting);
  return writeWhole(place, async (handle) => {
    const writer = new SnapshotWriter(handle);
    const totals = new Sums();
    const failures: { path: FileName; error: NofaultError }[] = [];
    let failed = 0;
    for await (const files of walk) {
      for (const file of files) {
        const error = file.error ?? (file.unknownBytes > 0 ? untold(file.path) : undefined);
        if (error !== undefined) {
          failed += 1;
          if (failures.length < MOST_FAILURES) failures.push({ path: file.path, error });
        } else if (!file.again && file.residentBytes > 0) {
          await writer.file(bytesOfName(file.path), file.size, residentRuns(file));
        }
        totals.add(file);
        options.onProgress?.({ path: file.path, totals });
      }
    }
    await writer.end();
    const { files, runs, residentBytes, bytes } = writer;
    return { files, runs, residentBytes, snapshotBytes: bytes, failures, failed };
  });
}

function* residentRuns({ map }: FileResidency): Generator<ResidencyRun, void, undefined> {
  for (const run of map?.runs ?? []) if (run.state === 'resident') yield run;
}

/** One that cannot be found out fails when it is looked at. */
async function whereItLies(name: Name): Promise<Name> {
  return realpath(name.bytes, 'buffer').then(nameOf, () => name);
}

function bytesOf(names: readonly Name[]): Buffer[] {
  return names.map(({ bytes }) => bytes);
}

function bytesOfName(name: FileName): Buffer {
  return typeof name === 'string' ? Buffer.from(name) : name;
}

function untold(path: FileName): NofaultError {
  const message = `the kernel does not tell you what of ${shown(path)} is in memory: take the snapshot as its owner, or be allowed to write to it`;
  return new NofaultError('UNSUPPORTED', message, { path: shown(path) });
}
