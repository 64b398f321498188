import type { ResidencyMap } from '../../file/contract';
import { formatBytes } from '../format-bytes';
import { cellsOf, drawMap } from '../map-line';
import { paint, type Terminal } from '../terminal';

/** Lines that a full map has at most: with its heading it fits on a screen of 50 lines. */
const MOST_LINES = 40;
/** Characters before the map: where its line begins in the file. */
const MARGIN = 12;
const LEAST_COLUMNS = 20;

/** A map over many lines, as wide as the terminal; before each line where it begins. A line is a round number of bytes. */
export function drawFullMap(map: ResidencyMap, terminal: Terminal): string {
  if (map.size === 0) return '';
  const pages = Math.ceil(map.size / map.pageSize);
  const columns = Math.max(LEAST_COLUMNS, terminal.columns - MARGIN);
  // A cell is a power of two of pages, so that offsets are round.
  let cellPages = 1;
  while (Math.ceil(pages / (cellPages * roundColumns(columns))) > MOST_LINES) cellPages *= 2;
  const perLine = roundColumns(columns);
  const lineBytes = cellPages * perLine * map.pageSize;
  const cells = evenCells(map, cellPages);
  let text = '';
  for (let line = 0; line * perLine < cells.length; line++) {
    const start = formatBytes(line * lineBytes).padStart(MARGIN - 2);
    text += `${paint(terminal, 'faint', start)}  ${drawMap(cells.slice(line * perLine, (line + 1) * perLine), terminal)}\n`;
  }
  return `${text}${' '.repeat(MARGIN)}${paint(terminal, 'faint', `a character is ${formatBytes(cellPages * map.pageSize)}`)}\n`;
}

/** The largest power of two of characters that fits, or one and a half of it. */
function roundColumns(columns: number): number {
  const power = 2 ** Math.floor(Math.log2(columns));
  return power * 1.5 <= columns ? power * 1.5 : power;
}

/** Cells of exactly so many pages each, but for the last. */
function evenCells(map: ResidencyMap, cellPages: number): ReturnType<typeof cellsOf> {
  const cellBytes = cellPages * map.pageSize;
  const count = Math.ceil(map.size / cellBytes);
  const padded = { ...map, size: count * cellBytes, runs: withTail(map, count * cellBytes) };
  const cells = cellsOf(padded, count);
  const last = cells.at(-1);
  if (last !== undefined) cells[count - 1] = { ...last, bytes: map.size - (count - 1) * cellBytes };
  return cells;
}

function* withTail(
  map: ResidencyMap,
  end: number,
): Generator<{ offset: number; length: number; state: 'resident' | 'missing' | 'unknown' }> {
  yield* map.runs;
  if (end > map.size) yield { offset: map.size, length: end - map.size, state: 'missing' };
}
