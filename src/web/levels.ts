import type { ResidencyMap } from '../file/contract';
import { ALL, type MapChange, NONE, type Part, type Zoom } from './events';

/** Stretches of changed cells that lie so close are sent as one: a part costs more characters than the cells between. */
const JOINED_GAP = 12;

/** Runs of a map that are added up before others get their turn: half a millisecond. */
const RUNS_PER_TURN = 8192;

/** The level of `resident` of `bytes`. Nothing is rounded to none or to all. */
export function levelOf(resident: number, bytes: number): number {
  if (resident <= 0) return NONE;
  if (resident >= bytes) return ALL;
  return Math.min(ALL - 1, Math.max(NONE + 1, Math.round((resident / bytes) * ALL)));
}

/** Levels of a whole file's cells, which are cut as `FileResidency.cells` says. */
export function levelsOfFile(cells: Float64Array, size: number, pageSize: number): Uint8Array {
  const pages = Math.ceil(size / pageSize);
  const start = (cell: number): number => Math.min(size, Math.floor((cell * pages) / cells.length) * pageSize);
  return Uint8Array.from(cells, (resident, cell) => levelOf(resident, start(cell + 1) - start(cell)));
}

/** Levels of the cells of a zoom into a file of `size` bytes, by the map of that part; a cell behind its end is none. Lets the loop go on meanwhile. */
export async function levelsOfZoom(map: ResidencyMap, zoom: Zoom, size: number): Promise<Uint8Array> {
  const resident = new Float64Array(zoom.count);
  let runs = 0;
  for (const { offset, length, state } of map.runs) {
    runs += 1;
    if (runs % RUNS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    if (state === 'resident') spread(resident, zoom.cell, offset - zoom.offset, offset + length - zoom.offset);
  }
  return Uint8Array.from(resident, (bytes, cell) =>
    levelOf(bytes, Math.min(zoom.cell, Math.max(1, size - zoom.offset - cell * zoom.cell))),
  );
}

/** Adds the bytes from `start` to `end`, counted from the first cell's start, to the cells in which they lie. */
function spread(resident: Float64Array, cellBytes: number, start: number, end: number): void {
  const last = Math.min(resident.length - 1, Math.ceil(end / cellBytes) - 1);
  for (let cell = Math.max(0, Math.floor(start / cellBytes)); cell <= last; cell++) {
    const bytes = Math.min(end, (cell + 1) * cellBytes) - Math.max(start, cell * cellBytes);
    resident[cell] = (resident[cell] as number) + bytes;
  }
}

/** How to come from the levels that a stream was told to these; undefined where they are the same. `levels` is undefined where nothing is known. */
export function mapChange(id: number, told: Uint8Array | undefined, levels: Uint8Array | undefined): MapChange | undefined {
  const now = levels ?? new Uint8Array(0);
  if (told === undefined || told.length !== now.length)
    return { id, cells: now.length, parts: partsThatDiffer(new Uint8Array(now.length), now) };
  const parts = partsThatDiffer(told, now);
  return parts.length === 0 ? undefined : { id, parts };
}

function partsThatDiffer(before: Uint8Array, now: Uint8Array): Part[] {
  const parts: Part[] = [];
  for (let cell = 0; cell < now.length; cell++) {
    if (before[cell] === now[cell]) continue;
    const first = cell;
    let last = cell;
    while (cell < now.length && cell - last <= JOINED_GAP) {
      if (before[cell] !== now[cell]) last = cell;
      cell += 1;
    }
    parts.push([first, Buffer.from(now.subarray(first, last + 1)).toString('base64')]);
    cell = last;
  }
  return parts;
}
