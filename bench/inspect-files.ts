import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestFiles } from './test-file';

const MIB = 2 ** 20;

/** A folder for the files of one part of the bench. */
export async function inFolder<T>(files: TestFiles, bytes: number, work: (folder: string) => Promise<T>): Promise<T> {
  const { bavail, bsize } = statfsSync(files.folder);
  if (bavail * bsize < bytes + 256 * MIB) {
    throw new Error(`expected ${Math.ceil(bytes / MIB)} MiB free in ${files.folder}, but fewer are: set NOFAULT_BENCH_DIR`);
  }
  const folder = mkdtempSync(join(files.folder, 'nofault-bench-inspect-'));
  // A process that is ended by a signal leaves no files behind either.
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    return await work(folder);
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/** A file that is one hole, with places of it in memory: reading a hole makes pages, and takes no room on the disk. mincore and cachestat look at pages alone. */
export function sparseFile(path: string, size: number, places = 0, placeBytes = 0): void {
  const fd = openSync(path, 'w+');
  try {
    ftruncateSync(fd, size);
    const piece = new Uint8Array(placeBytes);
    const step = Math.floor(size / Math.max(1, places) / 4096) * 4096;
    for (let place = 0; place < places; place++) readSync(fd, piece, 0, placeBytes, place * step);
  } finally {
    closeSync(fd);
  }
}

/** A tree of small files, a thousand in a folder. */
export function makeTree(folder: string, count: number): void {
  const content = new Uint8Array(4000).fill(7);
  for (let i = 0; i < count; i++) {
    const inner = join(folder, `folder-${Math.floor(i / 1000)}`);
    if (i % 1000 === 0) mkdirSync(inner);
    writeFileSync(join(inner, `file-${i}`), content);
  }
}
