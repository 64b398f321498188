import { randomBytes } from 'node:crypto';
import type { FileName, FileResidency, Round } from '../inspect/contract';
import type { FileFigures, FileRow, TotalFigures } from './events';
import { levelsOfFile } from './levels';

/** Looks that are remembered: a quarter of an hour at one a second. */
const LONGEST_HISTORY = 900;

/** A file as of the last look. */
interface Entry {
  readonly row: FileRow;
  readonly file: FileResidency;
  /** The number of the look in which its figures changed last. */
  readonly changed: number;
}

/** All files as of the last look, each under a number that stays its own for as long as it is there. */
export class Roster {
  /** Of this server: numbers of another run mean other files. */
  readonly run = randomBytes(9).toString('base64url');
  readonly history: (readonly [time: number, resident: number | null])[] = [];
  /** Counts looks, and looks that found files come or gone, or in another order. */
  looks = 0;
  lists = 0;
  time = 0;
  totals: TotalFigures = { files: 0, failed: 0, size: 0, resident: 0, unknown: 0 };
  #entries = new Map<number, Entry>();
  #numbers = new Map<string, number>();
  #next = 1;
  #known = false;
  readonly #printable: (text: FileName) => string;

  /** `printable` makes text of any name or message on one line that hides and reorders nothing. */
  constructor(printable: (text: FileName) => string) {
    this.#printable = printable;
  }

  /** Whether the last look is a recent one. */
  get known(): boolean {
    return this.#known;
  }

  /** Looks have ended for now: until there is another, nothing is known. */
  rest(): void {
    if (this.#known) this.#remember(this.time, null);
    this.#known = false;
  }

  take(round: Round): void {
    this.#known = true;
    this.looks += 1;
    this.time = round.time;
    const { files, failed, size, residentBytes, unknownBytes } = round.totals;
    this.totals = { files, failed, size, resident: residentBytes, unknown: unknownBytes };
    this.#remember(round.time, residentBytes);

    const before = [...this.#entries.keys()];
    const numbers = new Map<string, number>();
    const entries = new Map<number, Entry>();
    for (const file of round.files) {
      const key = keyOf(file.path);
      // Given twice: one row is enough.
      if (numbers.has(key)) continue;
      const id = this.#numbers.get(key) ?? this.#next++;
      numbers.set(key, id);
      entries.set(id, this.#entry(id, file));
    }
    this.#numbers = numbers;
    this.#entries = entries;
    let place = 0;
    let same = before.length === entries.size;
    for (const id of entries.keys()) same &&= before[place++] === id;
    if (!same) this.lists += 1;
  }

  rows(): FileRow[] {
    return Array.from(this.#entries.values(), ({ row }) => row);
  }

  /** Figures that have changed after that look. */
  changedSince(look: number): FileFigures[] {
    const figures: FileFigures[] = [];
    for (const { row, changed } of this.#entries.values()) if (changed > look) figures.push(figuresOf(row));
    return figures;
  }

  has(id: number): boolean {
    return this.#entries.has(id);
  }

  file(id: number): FileResidency | undefined {
    return this.#entries.get(id)?.file;
  }

  /** Levels of its map; undefined where nothing is known. */
  levels(id: number): Uint8Array | undefined {
    const file = this.file(id);
    return file?.cells === undefined ? undefined : levelsOfFile(file.cells, file.size, file.pageSize);
  }

  #remember(time: number, resident: number | null): void {
    this.history.push([time, resident]);
    if (this.history.length > LONGEST_HISTORY) this.history.shift();
  }

  #entry(id: number, file: FileResidency): Entry {
    const before = this.#entries.get(id);
    const row: FileRow = {
      id,
      name: before?.row.name ?? this.#printable(file.path),
      pageSize: file.pageSize,
      size: file.size,
      resident: file.residentBytes,
      unknown: file.unknownBytes,
      ...(file.error === undefined ? {} : { error: this.#printable(file.error.message) }),
    };
    return { row, file, changed: before !== undefined && sameFigures(before.row, row) ? before.changed : this.looks };
  }
}

function figuresOf({ id, size, resident, unknown, error }: FileRow): FileFigures {
  return { id, size, resident, unknown, ...(error === undefined ? {} : { error }) };
}

function sameFigures(one: FileRow, other: FileRow): boolean {
  return one.size === other.size && one.resident === other.resident && one.unknown === other.unknown && one.error === other.error;
}

/** Tells names apart, be they text or bytes. */
function keyOf(path: FileName): string {
  return typeof path === 'string' ? `t${path}` : `b${path.toString('latin1')}`;
}
