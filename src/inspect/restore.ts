import { checkSignal } from '../file/cancelling';
import type { ByteRange } from '../file/contract';
import { BringingIn } from './bringing-in';
import { CachedFile } from './cached-file';
import type { FileName, Progress, RestoreOptions } from './contract';
import { fileByFile, type Task } from './file-by-file';
import { availableMemory } from './machine/available-memory';
import { checkName, type Name } from './names';
import { Pace } from './pace';
import { checkNumber } from './paths';
import { type FileProgress, ProgressSums } from './progress';
import { DensityOrder } from './snapshots/density-order';
import { type Place, SnapshotReader, type SnapshotRecord } from './snapshots/reader';

/**
 * Brings back what a snapshot holds: files of which the largest share was in memory first, of each file what is missing now, on threads. All of the snapshot is checked before the first file is
 * opened. A file that has left fails alone; of one that has become shorter, the rest is brought in. Once `mostBytes` have been, the rest is left out, and told in `leftOutBytes`.
 *
 * Throws `INVALID_ARGUMENT` for wrong arguments. The iteration rejects with `IO` or `UNSUPPORTED` where the snapshot cannot be read, with `BAD_FORMAT` where it is damaged, none, or of another version,
 * with `LIMIT` where it holds too many files, and with the signal's reason.
 */
export function restore(snapshot: FileName | URL, options: RestoreOptions = {}): AsyncIterable<Progress> {
  checkSignal(options);
  const name = checkName(snapshot, 'snapshot');
  const root = options.root === undefined ? undefined : checkName(options.root, 'options.root');
  checkNumber(options.rate, 'options.rate', 1, Number.MAX_SAFE_INTEGER, 'any');
  checkNumber(options.mostBytes, 'options.mostBytes', 0, Number.MAX_SAFE_INTEGER);
  return { [Symbol.asyncIterator]: () => restoring(name, root, options) };
}

/** A file of the snapshot, and how many of its bytes are to be brought in: all, but for the last one that memory has room for. */
interface FileTask extends Task {
  readonly record: FileRecord;
  readonly bytes: number;
}

type FileRecord = SnapshotRecord & { readonly kind: 'file' };

async function* restoring(name: Name, root: Name | undefined, options: RestoreOptions): AsyncGenerator<Progress, void, undefined> {
  const { rate, signal, mostBytes } = options;
  signal?.throwIfAborted();
  const reader = await SnapshotReader.open(name);
  try {
    const order = await orderOf(reader, signal);
    const sums = new ProgressSums();
    const room = Math.min(order.residentBytes, mostBytes ?? availableMemory() ?? Number.POSITIVE_INFINITY);
    sums.toDo = room;
    sums.leftOutBytes = order.residentBytes - room;
    const bringing = new BringingIn(new Pace(rate));
    const work = async ({ name: file, record, bytes }: FileTask, progress: FileProgress, ending: AbortSignal): Promise<void> => {
      try {
        await restoreFile(reader, await CachedFile.open(file, root), record, bytes, (opened, ranges) =>
          bringing.file(opened, ranges, progress, ending),
        );
      } finally {
        // What was there already, or is no more, is not to be done.
        sums.toDo = Math.max(sums.bytes, (sums.toDo ?? 0) - bytes + progress.bytes);
      }
    };
    yield* fileByFile(tasksOf(reader, order, room), work, sums, signal);
  } finally {
    await reader.close();
  }
}

/** Reads all of it, and checks all of it. */
async function orderOf(reader: SnapshotReader, signal: AbortSignal | undefined): Promise<DensityOrder> {
  const order = new DensityOrder();
  let runs = 0;
  let file: { position: number; size: number; residentBytes: number; end: number } | undefined;
  for (let position = 16; ; ) {
    signal?.throwIfAborted();
    const record = await reader.record(position, file);
    if (record.kind !== 'moreRuns' && file !== undefined) order.add(file.position, file.residentBytes, file.size);
    if (record.kind === 'end') {
      if (record.files !== order.length || record.runs !== runs || record.residentBytes !== order.residentBytes) {
        throw reader.damaged(position, 'the sums are others than those of its files');
      }
      return order;
    }
    runs += record.runs.length;
    if (record.kind === 'file') file = { position, size: record.size, residentBytes: 0, end: 0 };
    if (file === undefined) throw reader.damaged(position, 'runs belong to no file');
    file.residentBytes += bytesIn(record.runs);
    file.end = endOf(record.runs);
    position = record.next;
  }
}

async function* tasksOf(reader: SnapshotReader, order: DensityOrder, room: number): AsyncGenerator<FileTask, void, undefined> {
  let left = room;
  for (const { position, residentBytes } of order.densestFirst()) {
    if (left === 0) return;
    const bytes = Math.min(left, residentBytes);
    left -= bytes;
    const record = await reader.record(position);
    if (record.kind !== 'file') throw reader.damaged(position, 'it has changed meanwhile');
    yield { name: record.name, record, bytes };
  }
}

/** Brings in the first so many bytes of the runs of a file, record by record: there may be many. */
async function restoreFile(
  reader: SnapshotReader,
  file: CachedFile,
  first: FileRecord,
  bytes: number,
  bringIn: (file: CachedFile, ranges: readonly ByteRange[]) => Promise<void>,
): Promise<void> {
  try {
    let left = bytes;
    for (let record: SnapshotRecord = first; record.kind !== 'end'; ) {
      const ranges = firstOf(record.runs, left);
      await bringIn(file, ranges);
      left -= bytesIn(ranges);
      if (left <= 0) return;
      const place: Place = { size: first.size, end: endOf(record.runs) };
      record = await reader.record(record.next, place);
      if (record.kind === 'file') return;
    }
  } finally {
    file.close();
  }
}

function firstOf(runs: readonly ByteRange[], bytes: number): ByteRange[] {
  const taken: ByteRange[] = [];
  let left = bytes;
  for (const { offset, length } of runs) {
    if (left <= 0) break;
    taken.push({ offset, length: Math.min(left, length) });
    left -= length;
  }
  return taken;
}

function bytesIn(runs: readonly ByteRange[]): number {
  return runs.reduce((sum, { length }) => sum + length, 0);
}

function endOf(runs: readonly ByteRange[]): number {
  const { offset, length } = runs.at(-1) as ByteRange;
  return offset + length;
}
