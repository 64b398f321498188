import { NofaultError } from '../../errors';
import type { ColumnKind, ColumnType } from '../contract';
import { type CellType, dayOfText, plainDecimal } from './cells';
import type { ColumnSpec } from './contract';
import type { SourceColumn } from './source';

/** Numbers of at most so many different values in the sample get a bitmap a value. */
export const FEW_VALUES = 64;
/** Digits after the point that a column may have without anybody saying so. */
export const MOST_SCALE = 9;

const INTEGER = /^-?(?:0|[1-9]\d{0,18})$/;
const DECIMAL = /^-?(?:0|[1-9]\d{0,17})\.(\d+)$/;
const EXPONENT = /^-?\d+(?:\.\d+)?e[+-]?\d+$/i;
const BOOLEAN = /^(?:true|false)$/i;

/** What a column will be, and how its values are read. */
export interface Chosen extends CellType {
  readonly name: string;
  readonly kind: ColumnKind;
}

/** What the first rows have in a column, and what follows for those that it was not said of. */
export class Evidence {
  #booleans = 0;
  #integers = 0;
  #decimals = 0;
  #dates = 0;
  #strings = 0;
  #others = 0;
  #scale = 0;
  #different = new Set<unknown>();
  /** A value of more digits than can be guessed, and one that is of no type. */
  #finest: string | undefined;
  #other: unknown;

  constructor(
    private readonly source: string,
    private readonly column: SourceColumn,
    private readonly spec: ColumnSpec,
  ) {}

  observe(values: ArrayLike<unknown>, from: number, to: number): void {
    const look = this.column.text ? this.#lookAtText : this.#look;
    for (let row = from; row < to; row++) {
      const value = values[row];
      if (value === null || value === undefined || value === '') continue;
      if (this.#different.size <= FEW_VALUES) this.#different.add(value instanceof Date ? value.getTime() : value);
      look.call(this, value);
    }
  }

  choose(): Chosen {
    const { name } = this.column;
    const type = this.spec.type ?? this.column.type ?? this.#type();
    const numeric = type === 'integer' || type === 'decimal';
    const asked = this.spec.kind === 'none' ? undefined : this.spec.kind;
    const kind = asked ?? (numeric && this.#different.size > FEW_VALUES ? 'numbers' : 'values');
    if (kind === 'numbers' && !numeric && type !== 'date') {
      throw this.#error(`is of type ${type}, and kind numbers is for numbers and dates`, 'index it as kind values');
    }
    if (this.spec.scale !== undefined && type !== 'decimal') {
      throw this.#error(`is of type ${type}, and a scale is for decimals`, 'leave the scale out, or give it type decimal');
    }
    const scaled = type === 'decimal' && this.column.type === 'decimal' ? (this.column.scale ?? 0) : undefined;
    const scale = type === 'decimal' ? (this.spec.scale ?? scaled ?? this.#foundScale()) : 0;
    return { name, kind, type, scale, rounds: this.spec.scale !== undefined, text: this.column.text === true, scaled };
  }

  #look(value: unknown): void {
    switch (typeof value) {
      case 'boolean':
        this.#booleans += 1;
        return;
      case 'bigint':
        this.#integers += 1;
        return;
      case 'number':
        if (Number.isInteger(value)) this.#integers += 1;
        else if (Number.isFinite(value)) this.#fraction(value);
        else if (!Number.isNaN(value)) this.#strange(value);
        return;
      case 'string':
        if (dayOfText(value) === undefined) this.#strings += 1;
        else this.#dates += 1;
        return;
      default:
        if (value instanceof Date) this.#dates += 1;
        else this.#strange(value);
    }
  }

  #lookAtText(value: unknown): void {
    const text = value as string;
    const first = text.charCodeAt(0);
    // Digits, and the sign before them.
    if ((first >= 0x30 && first <= 0x39) || first === 0x2d) {
      if (INTEGER.test(text)) {
        this.#integers += 1;
        return;
      }
      const decimal = DECIMAL.exec(text);
      if (decimal !== null) {
        this.#decimals += 1;
        this.#digits((decimal[1] as string).length, text);
        return;
      }
      if (EXPONENT.test(text)) {
        this.#decimals += 1;
        this.#digits(significantDigits(plainDecimal(text)), text);
        return;
      }
      if (dayOfText(text) !== undefined) {
        this.#dates += 1;
        return;
      }
    }
    if (BOOLEAN.test(text)) this.#booleans += 1;
    else this.#strings += 1;
  }

  #fraction(value: number): void {
    this.#decimals += 1;
    if (this.#finest !== undefined) return;
    let scale = this.#scale;
    for (let factor = 10 ** scale; scale <= MOST_SCALE; scale++, factor *= 10) if (Math.round(value * factor) / factor === value) break;
    this.#digits(scale, String(value));
  }

  #digits(scale: number, shown: string): void {
    if (scale > MOST_SCALE) this.#finest ??= shown;
    else if (scale > this.#scale) this.#scale = scale;
  }

  #strange(value: unknown): void {
    if (this.#others === 0) this.#other = value;
    this.#others += 1;
  }

  #type(): ColumnType {
    const { text } = this.column;
    const numbers = this.#integers + this.#decimals;
    const all = this.#booleans + numbers + this.#dates + this.#strings + this.#others;
    if (all === 0) return this.column.otherwise ?? 'string';
    if (this.#others > 0) {
      const what = typeof this.#other === 'number' ? String(this.#other) : Array.isArray(this.#other) ? 'lists' : 'objects';
      throw this.#error(`has ${what} among its values, which cannot be indexed`, 'leave it out by naming the columns to index');
    }
    if (this.#booleans === all) return 'boolean';
    if (this.#integers === all) return 'integer';
    if (numbers === all) return 'decimal';
    if (this.#dates === all) return 'date';
    if (text || this.#dates + this.#strings === all) return 'string';
    const kinds = [
      [this.#booleans, 'true or false'],
      [numbers, 'numbers'],
      [this.#dates + this.#strings, 'text'],
    ] as const;
    const found = kinds.filter(([count]) => count > 0).map(([, what]) => what);
    throw this.#error(`has both ${found.join(' and ')}`, 'say which type it has');
  }

  #foundScale(): number {
    if (this.#finest !== undefined) {
      throw this.#error(
        `has numbers like ${this.#finest}, of more than ${MOST_SCALE} digits after the point`,
        'say how many digits to keep (type decimal and a scale), or leave it out',
      );
    }
    return this.#scale;
  }

  #error(what: string, advice: string): NofaultError {
    return new NofaultError('INVALID_ARGUMENT', `column ${JSON.stringify(this.column.name)} of ${this.source} ${what}: ${advice}`);
  }
}

function significantDigits(plain: string): number {
  return (plain.split('.')[1] ?? '').replace(/0+$/, '').length;
}
