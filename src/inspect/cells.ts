import type { ResidencyMap } from '../file/contract';

/** Where cell `cell` of `count` ends, in bytes: cells are whole pages, and equal but for one. */
export function cellEnd(cell: number, count: number, size: number, pageSize: number): number {
  const pages = Math.ceil(size / pageSize);
  return Math.min(size, Math.floor(((cell + 1) * pages) / count) * pageSize);
}

/** How many cells a file is cut into: at most `most`, and not more than it has pages. */
export function cellCount(most: number, size: number, pageSize: number): number {
  return Math.min(most, Math.ceil(size / pageSize));
}

/** Resident bytes of each cell of a whole file's map. */
export function cellsOf({ size, pageSize, runs }: ResidencyMap, most: number): Float64Array {
  const cells = new Float64Array(cellCount(most, size, pageSize));
  let cell = 0;
  for (const { offset, length, state } of runs) {
    for (let from = offset; from < offset + length && cell < cells.length; ) {
      const end = cellEnd(cell, cells.length, size, pageSize);
      const to = Math.min(offset + length, end);
      if (state === 'resident') cells[cell] = (cells[cell] as number) + to - from;
      from = to;
      if (to === end) cell += 1;
    }
  }
  return cells;
}
