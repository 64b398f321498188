import type { ResidencyMap } from '../file/contract';
import { type Colour, paint, type Terminal } from './terminal';

/** A stretch of the file, drawn as one character. */
export interface Cell {
  readonly bytes: number;
  readonly residentBytes: number;
  readonly unknownBytes: number;
}

interface Glyphs {
  readonly none: string;
  /** From little to much. */
  readonly some: readonly string[];
  readonly all: string;
  readonly unknown: string;
}

const UNICODE: Glyphs = { none: '·', some: ['▁', '▂', '▃', '▄', '▅', '▆', '▇'], all: '█', unknown: '?' };
const ASCII: Glyphs = { none: '.', some: ['1', '2', '3', '4', '5', '6', '7', '8', '9'], all: '#', unknown: '?' };

/** Cuts what a map covers into at most `most` cells of whole pages, equal but for one page; a small file has a cell a page. */
export function cellsOf(map: ResidencyMap, most: number): Cell[] {
  const pages = Math.ceil(map.size / map.pageSize);
  const count = Math.min(most, pages);
  const resident = new Array<number>(count).fill(0);
  const unknown = new Array<number>(count).fill(0);
  const end = (cell: number): number => Math.min(map.size, Math.floor(((cell + 1) * pages) / count) * map.pageSize);
  let cell = 0;
  let position = 0;
  for (const run of map.runs) {
    const runEnd = position + run.length;
    while (position < runEnd && cell < count) {
      const stop = Math.min(runEnd, end(cell));
      if (run.state === 'resident') resident[cell] = (resident[cell] as number) + stop - position;
      if (run.state === 'unknown') unknown[cell] = (unknown[cell] as number) + stop - position;
      position = stop;
      if (position === end(cell)) cell += 1;
    }
  }
  return resident.map((residentBytes, index) => ({
    bytes: end(index) - (index === 0 ? 0 : end(index - 1)),
    residentBytes,
    unknownBytes: unknown[index] as number,
  }));
}

/** One character a cell. Nothing is rounded away: "none" and "all" are drawn only where they are exactly true. */
export function drawMap(cells: readonly Cell[], terminal: Terminal): string {
  const glyphs = glyphsFor(terminal);
  const drawn = cells.map((cell) => glyphOf(cell, glyphs));
  let line = '';
  // One escape sequence for neighbours of one colour, not one a character: the line is read in logs and over slow lines too.
  for (let from = 0, to = 0; from < drawn.length; from = to) {
    const colour = colourOf(drawn[from] as string, glyphs);
    while (to < drawn.length && colourOf(drawn[to] as string, glyphs) === colour) to += 1;
    line += paint(terminal, colour, drawn.slice(from, to).join(''));
  }
  return line;
}

/** What the characters mean, in one line. */
export function mapLegend(terminal: Terminal): string {
  const glyphs = glyphsFor(terminal);
  const some = glyphs.some.length > 7 ? `${glyphs.some[0]}-${glyphs.some.at(-1)}` : glyphs.some.join('');
  return [
    `${paint(terminal, 'resident', glyphs.all)} all in memory`,
    `${paint(terminal, 'resident', some)} some`,
    `${paint(terminal, 'faint', glyphs.none)} nothing`,
    `${paint(terminal, 'warning', glyphs.unknown)} unknown`,
  ].join('   ');
}

function glyphOf(cell: Cell, glyphs: Glyphs): string {
  if (cell.unknownBytes > 0) return glyphs.unknown;
  if (cell.residentBytes === 0) return glyphs.none;
  if (cell.residentBytes === cell.bytes) return glyphs.all;
  const steps = glyphs.some.length;
  const step = Math.round((cell.residentBytes / cell.bytes) * (steps + 1));
  return glyphs.some[Math.min(steps, Math.max(1, step)) - 1] as string;
}

function colourOf(glyph: string, glyphs: Glyphs): Colour {
  if (glyph === glyphs.none) return 'faint';
  return glyph === glyphs.unknown ? 'warning' : 'resident';
}

function glyphsFor(terminal: Terminal): Glyphs {
  return terminal.unicode ? UNICODE : ASCII;
}
