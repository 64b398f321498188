import type { NativeBuild } from '../../native';
import { LONGEST_KEY } from '../format';
import { BadCell, cellReader, type ReadCell } from './cells';
import type { Chosen } from './evidence';

/** Rows that wait to become a chunk, of one column, as numbers that the addon makes containers of. */
export interface Intake {
  /** Makes room for this many rows. */
  reserve(rows: number): void;
  /** Reads values `from` to `to` of a batch; the first goes to row `at`. Calls `bad` for what does not fit. */
  take(values: ArrayLike<unknown>, from: number, to: number, at: number, bad: (row: number, cell: BadCell) => void): void;
  /** Moves rows `from` up to `to` down to row `at`. */
  move(from: number, to: number, at: number): void;
  /** Hands rows `from` to `to` to the addon as a chunk; they may be written over at once. Resolves to the bytes gathered. */
  send(native: NativeBuild, column: number, chunk: number, from: number, to: number): Promise<number>;
  /** What it remembers of keys: how many, and their bytes. */
  readonly keys: number;
  readonly keyBytes: number;
  /** Forgets all keys but those of the first `rows` rows, after the addon has. */
  forgetKeys(rows: number): void;
}

export function makeIntake(chosen: Chosen): Intake {
  return chosen.kind === 'values' ? new ValuesIntake(chosen) : new NumbersIntake(cellReader(chosen));
}

/** Of a column of kind `values`: each value by the number of its key. */
class ValuesIntake implements Intake {
  #ids = new Uint32Array(0);
  /** Keys since they were last forgotten; ids count from 1, for 0 is null. */
  #known = new Map<string | number | bigint, number>();
  /** Those that the addon does not know yet: their bytes, and where each ends. */
  #fresh = Buffer.alloc(4096);
  #freshLength = 0;
  #freshEnds: number[] = [];
  #sent = 0;
  readonly #read: ReadCell;
  readonly #append: (value: string | number | bigint) => void;

  constructor({ type, ...more }: Chosen) {
    this.#read = cellReader({ type, ...more });
    this.#append =
      type === 'string' ? (value) => this.#appendText(value as string) : type === 'boolean' ? this.#appendBit : this.#appendNumber;
  }

  get keys(): number {
    return this.#known.size;
  }

  get keyBytes(): number {
    return this.#sent + this.#freshLength;
  }

  reserve(rows: number): void {
    if (rows <= this.#ids.length) return;
    const ids = new Uint32Array(roomFor(rows));
    ids.set(this.#ids);
    this.#ids = ids;
  }

  take(values: ArrayLike<unknown>, from: number, to: number, at: number, bad: (row: number, cell: BadCell) => void): void {
    const ids = this.#ids;
    const read = this.#read;
    const known = this.#known;
    for (let row = from; row < to; row++) {
      try {
        const value = read(values[row]);
        ids[at + row - from] = value === null ? 0 : (known.get(value) ?? this.#add(value));
      } catch (error) {
        if (!(error instanceof BadCell)) throw error;
        ids[at + row - from] = 0;
        bad(row, error);
      }
    }
  }

  move(from: number, to: number, at: number): void {
    this.#ids.copyWithin(at, from, to);
  }

  send(native: NativeBuild, column: number, chunk: number, from: number, to: number): Promise<number> {
    const fresh = this.#fresh.subarray(0, this.#freshLength);
    const adding = native.addValues(column, chunk, this.#ids.subarray(from, to), fresh, Uint32Array.from(this.#freshEnds));
    this.#sent += this.#freshLength;
    this.#freshLength = 0;
    this.#freshEnds = [];
    return adding;
  }

  forgetKeys(rows: number): void {
    const before = rows === 0 ? [] : [...this.#known.keys()];
    this.#known = new Map();
    this.#sent = 0;
    this.#freshLength = 0;
    this.#freshEnds = [];
    const ids = this.#ids;
    for (let row = 0; row < rows; row++) {
      const id = ids[row] as number;
      if (id === 0) continue;
      const value = before[id - 1] as string | number | bigint;
      ids[row] = this.#known.get(value) ?? this.#add(value);
    }
  }

  #add(value: string | number | bigint): number {
    this.#append(value);
    this.#freshEnds.push(this.#freshLength);
    const id = this.#known.size + 1;
    this.#known.set(value, id);
    return id;
  }

  #appendText(text: string): void {
    if (/\p{Surrogate}/u.test(text)) throw new BadCell('it is text with half a character, a lone surrogate');
    // At most three bytes of UTF-8 for each unit of UTF-16.
    this.#room(text.length * 3);
    const length = this.#fresh.write(text, this.#freshLength);
    if (length > LONGEST_KEY) throw new BadCell(`it is text of ${length} bytes, and ${LONGEST_KEY} is the most`);
    this.#freshLength += length;
  }

  #appendBit = (value: string | number | bigint): void => {
    this.#room(1);
    this.#fresh[this.#freshLength++] = Number(value);
  };

  #appendNumber = (value: string | number | bigint): void => {
    this.#room(8);
    // Big-endian with the sign inverted, so that bytes compare as the numbers do.
    this.#freshLength = this.#fresh.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value) + 2n ** 63n), this.#freshLength);
  };

  #room(length: number): void {
    if (this.#freshLength + length <= this.#fresh.length) return;
    const larger = Buffer.alloc(Math.max(2 * this.#fresh.length, this.#freshLength + length));
    this.#fresh.copy(larger, 0, 0, this.#freshLength);
    this.#fresh = larger;
  }
}

/** Of a column of kind `numbers`: the numbers, and which are null. */
class NumbersIntake implements Intake {
  readonly keys = 0;
  readonly keyBytes = 0;
  #numbers = new BigInt64Array(0);
  /** The same memory: numbers below 2^53 are written as their halves, which makes no bigint of each. */
  #halves = new Int32Array(0);
  #nulls = new Uint8Array(0);

  constructor(private readonly read: ReadCell) {}

  reserve(rows: number): void {
    if (rows <= this.#nulls.length) return;
    const numbers = new BigInt64Array(roomFor(rows));
    numbers.set(this.#numbers);
    this.#numbers = numbers;
    this.#halves = new Int32Array(numbers.buffer);
    const nulls = new Uint8Array(numbers.length);
    nulls.set(this.#nulls);
    this.#nulls = nulls;
  }

  take(values: ArrayLike<unknown>, from: number, to: number, at: number, bad: (row: number, cell: BadCell) => void): void {
    const numbers = this.#numbers;
    const halves = this.#halves;
    const nulls = this.#nulls;
    const read = this.read;
    for (let row = from, place = at; row < to; row++, place++) {
      nulls[place] = 0;
      try {
        const value = read(values[row]);
        if (typeof value === 'number') {
          halves[2 * place] = value;
          halves[2 * place + 1] = Math.floor(value / 2 ** 32);
        } else if (value === null) nulls[place] = 1;
        else numbers[place] = value as bigint;
      } catch (error) {
        if (!(error instanceof BadCell)) throw error;
        nulls[place] = 1;
        bad(row, error);
      }
    }
  }

  move(from: number, to: number, at: number): void {
    this.#numbers.copyWithin(at, from, to);
    this.#nulls.copyWithin(at, from, to);
  }

  send(native: NativeBuild, column: number, chunk: number, from: number, to: number): Promise<number> {
    return native.addNumbers(column, chunk, this.#numbers.subarray(from, to), this.#nulls.subarray(from, to));
  }

  forgetKeys(): void {}
}

/** Grows in steps, so that batches of differing lengths do not each move everything. */
function roomFor(rows: number): number {
  return Math.ceil(rows / 65_536) * 65_536;
}
