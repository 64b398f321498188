import type { WatchedFile } from './model.js';

/** What rows can be ordered by; `given` is the order of the command line. */
export type Column = 'given' | 'name' | 'resident' | 'size' | 'share';

export interface Order {
  readonly column: Column;
  readonly descending: boolean;
}

/** The numbers of the files that are shown, in their order. Files that failed come last when they are ordered by a figure. */
export function orderedFiles(files: ReadonlyMap<number, WatchedFile>, { column, descending }: Order, filter: string): number[] {
  const wanted = filter.toLowerCase();
  const shown = [...files.values()].filter(({ row }) => wanted === '' || row.name.toLowerCase().includes(wanted));
  if (column === 'name') {
    // By code units, as programs sort names; there may be thousands.
    shown.sort(({ row: one }, { row: other }) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0));
    if (descending) shown.reverse();
  } else if (column !== 'given') {
    const sign = descending ? -1 : 1;
    const figures = new Map(shown.map((file) => [file, figureOf(file, column)]));
    shown.sort((one, other) => {
      const [left, right] = [figures.get(one), figures.get(other)];
      if (left === undefined || right === undefined) return Number(left === undefined) - Number(right === undefined);
      return sign * (left - right);
    });
  }
  return shown.map(({ row }) => row.id);
}

/** The next order when a column's heading is pressed: the most first, then the least, then as given. Names begin with the first. */
export function nextOrder({ column, descending }: Order, pressed: Column): Order {
  const first = pressed !== 'name';
  if (column !== pressed) return { column: pressed, descending: first };
  return descending === first ? { column: pressed, descending: !first } : { column: 'given', descending: false };
}

function figureOf({ row }: WatchedFile, column: Exclude<Column, 'given' | 'name'>): number | undefined {
  if (row.error !== undefined) return undefined;
  if (column === 'size') return row.size;
  if (row.unknown > 0) return undefined;
  if (column === 'resident') return row.resident;
  return row.size === 0 ? undefined : row.resident / row.size;
}
