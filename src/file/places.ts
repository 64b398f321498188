import { addon } from '../native';
import type { PageSet, Places } from './contract';
import type { Pages } from './pages';
import { readError } from './read-errors';
import { lengthOf, startOf, type Vector } from './vector';

/** Gathers places. */
class Placing implements Places {
  readonly memory: ArrayBuffer[] = [];
  readonly which: Uint32Array;
  readonly offset: Float64Array;
  readonly #numbers = new Map<ArrayBuffer, number>();
  #last: ArrayBuffer | undefined;
  #number = 0;

  constructor(length: number) {
    const memory = new ArrayBuffer(12 * length);
    this.offset = new Float64Array(memory, 0, length);
    this.which = new Uint32Array(memory, 8 * length);
  }

  set(entry: number, memory: ArrayBuffer, offset: number): void {
    if (memory !== this.#last) {
      this.#last = memory;
      this.#number = this.#numbers.get(memory) ?? this.memory.push(memory) - 1;
      this.#numbers.set(memory, this.#number);
    }
    this.which[entry] = this.#number;
    this.offset[entry] = offset;
  }
}

/** Where the entries of a set lie, as their views say. */
export function placesOf(set: PageSet): Places {
  const places = new Placing(set.length);
  for (let entry = 0; entry < set.length; entry++) {
    const { buffer, byteOffset } = set.bytes(entry);
    places.set(entry, buffer as ArrayBuffer, byteOffset);
  }
  return places;
}

/**
 * Where the entries of a vector lie that have all been in memory; undefined when a window could not be made. Throws when the file does not reach so far any
 * more.
 */
export function placesIn(pages: Pages, vector: Vector): Places | undefined {
  const places = new Placing(vector.length);
  const { pageSize } = pages;
  const stride = addon().windowStride;
  let memory: ArrayBuffer | undefined;
  let begin = 0;
  for (let entry = 0; entry < vector.length; entry++) {
    const offset = startOf(vector, entry, pages);
    const length = lengthOf(vector, entry, pages);
    if (offset + length > pages.size || length < 0) throw readError(pages.path, 0, Math.max(offset, pages.size), true);
    if (memory === undefined || offset < begin || offset >= begin + stride) {
      const window = pages.window(Math.min(vector.first[entry] as number, pages.pageCount - 1));
      if (window === undefined) return undefined;
      memory = window.memory;
      begin = window.firstPage * pageSize;
    }
    places.set(entry, memory, offset - begin);
  }
  return places;
}
