import type { Zoom } from '../events.js';

/** How a close look is laid out: columns and rows of cells, each of `cell` bytes, from byte `offset` on, a whole number of rows from the file's start. */
export interface Layout {
  readonly columns: number;
  readonly rows: number;
  readonly cell: number;
  readonly offset: number;
}

/** What a close look is about. */
export interface Looked {
  readonly id: number;
  readonly size: number;
  readonly pageSize: number;
}

const MOST_ROWS = 16;
/** Zooming in shows a quarter, zooming out four times as much. */
const STEP = 4;

/** The whole file. Cells are 1, 2, 4, ... pages, so that positions of rows are round numbers. */
export function whole({ size, pageSize }: Looked, columns: number): Layout {
  let cell = pageSize;
  while (cell * columns * MOST_ROWS < size) cell *= 2;
  return { columns, rows: rowsFor(size, cell, columns), cell, offset: 0 };
}

/** Closer, or less close, such that the byte at `position` stays about where it is. Never closer than single pages, nor less close than the whole file. */
export function zoomed(layout: Layout, looked: Looked, position: number, direction: 'in' | 'out'): Layout {
  const widest = whole(looked, layout.columns);
  const cell = Math.min(widest.cell, Math.max(looked.pageSize, direction === 'in' ? layout.cell / STEP : layout.cell * STEP));
  const rows = rowsFor(looked.size, cell, layout.columns);
  const row = cell * layout.columns;
  const share = (position - layout.offset) / spanOf(layout);
  const first = Math.round((position - share * rows * row) / row);
  // Rounded to whole rows, it may have come to lie just outside.
  const own = Math.floor(position / row);
  return moved({ ...layout, cell, rows }, looked, Math.min(own, Math.max(own - rows + 1, first)) * row);
}

/** The same scale from another place on, but within the file. */
export function moved(layout: Layout, { size }: Looked, offset: number): Layout {
  const row = layout.cell * layout.columns;
  const last = Math.max(0, Math.ceil(size / row) - layout.rows) * row;
  return { ...layout, offset: Math.min(last, Math.max(0, Math.round(offset / row) * row)) };
}

/** The same place and scale for another width of the screen, or another size of the file. */
export function refitted(layout: Layout, looked: Looked, columns: number): Layout {
  const widest = whole(looked, columns);
  const wasWhole = layout.offset === 0 && spanOf(layout) >= looked.size;
  if (wasWhole || layout.cell >= widest.cell) return widest;
  return moved({ ...layout, columns, rows: rowsFor(looked.size, layout.cell, columns) }, looked, layout.offset);
}

/** Bytes that a layout shows, at most. */
export function spanOf({ columns, rows, cell }: Layout): number {
  return columns * rows * cell;
}

export function questionOf({ columns, rows, cell, offset }: Layout, { id, size }: Looked): Zoom {
  return { id, offset, cell, count: Math.max(1, Math.min(columns * rows, Math.ceil((size - offset) / cell))) };
}

function rowsFor(size: number, cell: number, columns: number): number {
  return Math.max(1, Math.min(MOST_ROWS, Math.ceil(size / (cell * columns))));
}
