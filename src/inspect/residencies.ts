import { constants } from 'node:fs';
import { mapOf } from '../file/residency-map';
import { addon, type Surveyed } from '../native';
import { ROW, SYSCALLS } from '../native/inspection';
import { cellsOf } from './cells';
import type { FileName, FileResidency, KernelCounts } from './contract';
import type { Counting } from './counting';
import { notOnDisk, notRegular, refusal } from './failures';
import type { SeenFiles } from './seen-files';

/** What a batch of answers says of each file. The rows of one batch are read in their order, each once. */
export class Residencies {
  readonly #surveyed: Surveyed;
  readonly #counting: Counting;
  readonly #pageSize = addon().pageSize;
  #cells = 0;

  constructor(surveyed: Surveyed, counting: Counting) {
    this.#surveyed = surveyed;
    this.#counting = counting;
  }

  get length(): number {
    return this.#surveyed.rows.length / ROW.length;
  }

  mode(index: number): number {
    return this.#surveyed.rows[index * ROW.length + ROW.mode] as number;
  }

  /** The file of a row, by the name that it has. */
  file(index: number, path: FileName, seen: SeenFiles): FileResidency {
    const { rows } = this.#surveyed;
    const row = index * ROW.length;
    const cells = this.#takeCells(rows[row + ROW.cells] as number);
    const errno = rows[row + ROW.errno] as number;
    if (errno !== 0) return failure(path, refusal(path, errno, SYSCALLS[rows[row + ROW.syscall] as number]), this.#pageSize);
    const mode = rows[row + ROW.mode] as number;
    if (mode !== constants.S_IFREG) return failure(path, notRegular(path, mode), this.#pageSize);
    if (rows[row + ROW.interface] === 1) return failure(path, notOnDisk(path), this.#pageSize);
    return this.#counted(index, path, seen.again(rows, row), cells);
  }

  #counted(index: number, path: FileName, again: boolean, cells: Float64Array | undefined): FileResidency {
    const { rows, maps } = this.#surveyed;
    const row = index * ROW.length;
    const pageSize = this.#pageSize;
    const size = rows[row + ROW.size] as number;
    if (size === 0) return this.#empty(path, again);
    const allocatedBytes = rows[row + ROW.allocated] as number;
    const believed = this.#counting.believes(rows, row, this.#surveyed.bits);
    const kernel = believed ? kernelCounts(rows, row, pageSize) : undefined;
    const { map: wanted, cells: most } = this.#counting.wanted;
    const mapped = maps[index];
    if (rows[row + ROW.mapped] === -1) {
      // Only counted. Where it is not to be believed nothing is known: the kernel refuses, for it would have pretended.
      if (!believed) return { path, size, allocatedBytes, pageSize, residentBytes: 0, unknownBytes: size, again };
      const residentBytes = bytesOf(rows[row + ROW.cached] as number, rows[row + ROW.lastCached] === 1, size, pageSize);
      const file = { path, size, allocatedBytes, pageSize, residentBytes, unknownBytes: 0, again, kernel: kernel as KernelCounts };
      return cells === undefined ? file : { ...file, cells: inBytes(cells, rows[row + ROW.lastCached] === 1, size, pageSize) };
    }
    const map = mapOf({ offset: 0, length: size }, pageSize, mapped ?? UNKNOWN);
    const { residentBytes, unknownBytes } = map;
    return {
      ...{ path, size, allocatedBytes, pageSize, residentBytes, unknownBytes, again },
      ...(kernel && { kernel }),
      ...(wanted && { map }),
      ...(most > 0 && unknownBytes === 0 && { cells: cellsOf(map, most) }),
    };
  }

  #empty(path: FileName, again: boolean): FileResidency {
    const { map, cells } = this.#counting.wanted;
    const pageSize = this.#pageSize;
    return {
      ...{ path, size: 0, allocatedBytes: 0, pageSize, residentBytes: 0, unknownBytes: 0, again },
      ...(map && { map: mapOf({ offset: 0, length: 0 }, pageSize, EMPTY) }),
      ...(cells > 0 && { cells: new Float64Array(0) }),
    };
  }

  #takeCells(count: number): Float64Array | undefined {
    if (count === 0) return undefined;
    this.#cells += count;
    return this.#surveyed.cells.slice(this.#cells - count, this.#cells);
  }
}

const UNKNOWN = { known: false, residentPages: 0, lastResident: false, runs: 0, lengths: Buffer.alloc(0) };
const EMPTY = { ...UNKNOWN, known: true };

/** A file or folder of which nothing is known. */
export function failure(path: FileName, error: NonNullable<FileResidency['error']>, pageSize: number): FileResidency {
  return { path, error, size: 0, allocatedBytes: 0, pageSize, residentBytes: 0, unknownBytes: 0, again: false };
}

/** Pages in bytes; the last one counts as far as the file goes. */
function bytesOf(pages: number, last: boolean, size: number, pageSize: number): number {
  const bytes = pages * pageSize - (last ? (pageSize - (size % pageSize)) % pageSize : 0);
  // It may have been written to while it was counted.
  return Math.min(size, Math.max(0, bytes));
}

function inBytes(cells: Float64Array, last: boolean, size: number, pageSize: number): Float64Array {
  for (let i = 0; i < cells.length; i++) cells[i] = (cells[i] as number) * pageSize;
  if (last && cells.length > 0) {
    const behind = (pageSize - (size % pageSize)) % pageSize;
    cells[cells.length - 1] = (cells[cells.length - 1] as number) - behind;
  }
  return cells;
}

function kernelCounts(rows: Float64Array, row: number, pageSize: number): KernelCounts {
  return {
    dirtyBytes: (rows[row + ROW.dirty] as number) * pageSize,
    writebackBytes: (rows[row + ROW.writeback] as number) * pageSize,
    evictedBytes: (rows[row + ROW.evicted] as number) * pageSize,
    recentlyEvictedBytes: (rows[row + ROW.recentlyEvicted] as number) * pageSize,
  };
}
