import type { FileFigures, FileRow, Maps, RoundChanges, State, TotalFigures } from '../events.js';
import { applyChange } from './levels.js';

/** What was resident from a time on; null where it is not known. */
export type Point = readonly [time: number, resident: number | null];

/** How long what all files had in memory is remembered: as far as charts reach. */
const REMEMBERED_MS = 900_000;
/** Changes of one file that are remembered. */
const MOST_POINTS = 300;

/** Over how long a change is shown, in ms. */
export const RECENT_MS = 10_000;

/** A file as far as the page was told of it. */
export interface WatchedFile {
  readonly row: FileRow;
  /** When its resident bytes changed, and to what. */
  readonly history: readonly Point[];
  /** Levels of its map while it is in view, empty where they are not known. */
  readonly levels: Uint8Array | undefined;
}

/** All that the page knows. */
export class Model {
  run = '';
  stream = '';
  interval = 1000;
  /** When the last look was; 0 before the first. */
  time = 0;
  totals: TotalFigures = { files: 0, failed: 0, size: 0, resident: 0, unknown: 0 };
  history: Point[] = [];
  /** In the server's order. */
  files = new Map<number, WatchedFile>();

  takeState(state: State): void {
    const known = state.run === this.run ? this.files : new Map<number, WatchedFile>();
    this.run = state.run;
    this.stream = state.stream;
    this.interval = state.interval;
    this.time = state.time;
    this.totals = state.totals;
    this.history = [...state.history];
    this.files = new Map();
    for (const row of state.files) {
      const before = known.get(row.id);
      this.files.set(row.id, { row, history: longer(before, row, state.time), levels: before?.levels });
    }
  }

  takeRound({ time, totals, changed }: RoundChanges): void {
    this.time = time;
    this.totals = totals;
    this.history.push([time, totals.resident]);
    while (this.history.length > 1 && (this.history[1] as Point)[0] < time - REMEMBERED_MS) this.history.shift();
    for (const figures of changed) this.#change(figures, time);
  }

  takeMaps({ maps }: Maps): void {
    for (const change of maps) {
      const file = this.files.get(change.id);
      if (file === undefined) continue;
      const levels = applyChange(file.levels, change);
      if (levels !== undefined) this.files.set(change.id, { ...file, levels });
    }
  }

  /** Maps of other files are not told any more, so they would be wrong soon. */
  keepMapsOf(inView: ReadonlySet<number>): void {
    for (const [id, file] of this.files)
      if (file.levels !== undefined && !inView.has(id)) this.files.set(id, { ...file, levels: undefined });
  }

  /** By how many bytes a file's residents changed in the last ten seconds. */
  recentChange({ row, history }: WatchedFile): number {
    let then: number | undefined;
    for (const [time, resident] of history) {
      if (time > this.time - RECENT_MS) break;
      then = resident ?? undefined;
    }
    then ??= history[0]?.[1] ?? row.resident;
    return row.resident - then;
  }

  #change(figures: FileFigures, time: number): void {
    const before = this.files.get(figures.id);
    if (before === undefined) return;
    const { name, pageSize } = before.row;
    const row: FileRow = { name, pageSize, ...figures };
    this.files.set(figures.id, { ...before, row, history: longer(before, row, time) });
  }
}

function longer(before: WatchedFile | undefined, { resident, unknown, error }: FileRow, time: number): readonly Point[] {
  const value = unknown > 0 || error !== undefined ? null : resident;
  const history = before?.history ?? [];
  if (history.length > 0 && history.at(-1)?.[1] === value) return history;
  return [...history.slice(1 - MOST_POINTS), [time, value]];
}
