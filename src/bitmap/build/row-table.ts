import { NofaultError } from '../../errors';
import { MOST_COLUMNS } from '../format';
import type { BadRows } from './bad-rows';
import type { RowObject } from './contract';
import { type Batch, type Choose, SAMPLE_BYTES, SAMPLE_ROWS } from './source';

/** What is known of the keys before the first row. */
export interface ExpectedKeys {
  /** Keys that are columns though no row of the sample has them. */
  readonly expected: readonly string[];
  /** Whether all keys are to be columns, so that one which comes too late is wrong. */
  readonly complete: boolean;
}

/**
 * Rows that come as objects, turned into columns. Which columns there are is known when the sample is complete: all keys of its rows, in the order in which they
 * came up.
 */
export class RowTable implements Batch {
  rows = 0;
  /** Rows of the sample. */
  sample = 0;
  #characters = 0;
  /** Whether the sample is complete. */
  settled = false;
  /** The columns, and each one's values. */
  #names: string[];
  #columns: unknown[][];
  /** All keys of the sample, also those whose columns are left out. */
  readonly #keys: Set<string>;
  readonly #complete: boolean;
  readonly #places: number[] = [];

  constructor(
    /** How the source is called in errors. */
    private readonly source: string,
    private readonly choose: Choose,
    private readonly bad: BadRows,
    /** What a place is called: `line` or `row`. */
    private readonly unit: string,
    keys: ExpectedKeys,
  ) {
    this.#keys = new Set(keys.expected);
    this.#names = [...this.#keys];
    this.#columns = this.#names.map(() => []);
    this.#complete = keys.complete;
  }

  /** `place` is where the row is in the source, `characters` how many it took to write it down there. */
  add(row: unknown, place: number, characters = 0): void {
    if (!this.settled) {
      this.#characters += characters;
      if (this.rows === SAMPLE_ROWS || this.#characters > SAMPLE_BYTES) this.settle();
    }
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      this.bad.refuse(`${this.unit} ${place}`, `it is ${kindOf(row)}, where an object with a key for each column was expected`);
      return;
    }
    const known = this.#spread(row as RowObject);
    if (this.#complete || !this.settled) {
      const keys = Object.keys(row);
      if (keys.length > known && !this.#take(row as RowObject, keys, place)) return;
    }
    this.#places[this.rows] = place;
    this.rows += 1;
  }

  /** Ends the sample, if it has not been. */
  settle(): void {
    if (this.settled) return;
    this.settled = true;
    this.sample = this.rows;
    const chosen = this.choose(this.#names.map((name) => ({ name })));
    this.#columns = chosen.map((index) => this.#columns[index] as unknown[]);
    this.#names = chosen.map((index) => this.#names[index] as string);
  }

  clear(): void {
    this.rows = 0;
  }

  column(index: number): ArrayLike<unknown> {
    return this.#columns[index] as unknown[];
  }

  place(row: number): string {
    return `${this.unit} ${this.#places[row]}`;
  }

  /** Puts what a row has into the columns; how many of them it has a key for. */
  #spread(row: RowObject): number {
    let known = 0;
    for (let column = 0; column < this.#names.length; column++) {
      const name = this.#names[column] as string;
      let value: unknown = row[name];
      if (value === undefined || typeof value === 'object' || typeof value === 'function') {
        if (Object.hasOwn(row, name)) known += 1;
        // What every object has by itself is no value of a row.
        else value = undefined;
      } else known += 1;
      (this.#columns[column] as unknown[])[this.rows] = value;
    }
    return known;
  }

  /** Keys that have no column yet get one, while the sample goes on. Returns whether the row is fine. */
  #take(row: RowObject, keys: readonly string[], place: number): boolean {
    for (const key of keys) {
      if (this.#keys.has(key)) continue;
      if (this.settled) {
        this.bad.refuse(`${this.unit} ${place}`, `column ${JSON.stringify(key)} is in none of the first rows`, 'name the columns to index');
        return false;
      }
      if (this.#names.length === MOST_COLUMNS) {
        throw new NofaultError('LIMIT', `${this.source} has rows of more than ${MOST_COLUMNS} different keys: name the columns to index`);
      }
      const values: unknown[] = new Array(this.rows).fill(undefined);
      values[this.rows] = row[key];
      this.#keys.add(key);
      this.#names.push(key);
      this.#columns.push(values);
    }
    return true;
  }
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
