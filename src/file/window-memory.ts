import { addon } from '../native';
import { mapper } from './mapper';

/** Address space that a window can be placed over. */
export interface WindowMemory {
  readonly buffer: Buffer;
  /** The board of whatever window lies there, to be kept as long as the buffer. */
  readonly board: Buffer;
}

/**
 * Memory that is made at once, at most. As long as V8 has an ArrayBuffer of this size among its young objects, each of somebody's that it allocates makes it
 * collect those (docs/kernel.md). That is over after two collections: so it is better over for many windows at once.
 */
const MOST = 32;

/** Windows of a file that memory is made for when it is opened: as many as the first entries of a vector can lie in that are waited for. */
const FIRST = 16;

const spare: WindowMemory[] = [];

/** V8 collects what is young for it, as long as memory of windows is. */
const anArrayBuffer = (): ArrayBuffer => new ArrayBuffer(8);

/**
 * Makes memory for the first windows of a file that is being opened and can have so many, where there is none to spare, and has V8 collect until none of it is
 * young: else that would come in the midst of the first read. `fd` is the file's.
 */
export function prepareMemory(windows: number, fd: number): void {
  const missing = Math.min(windows, FIRST) - spare.length;
  if (missing <= 0) return;
  makeSpare(missing, fd);
  anArrayBuffer();
  anArrayBuffer();
}

/** Memory for a window of `length` bytes, and for as many as are likely to be needed, when it is made. `fd` is the file's. Throws the system's error when there is no room. */
export function takeMemory(length: number, likely: number, fd: number): WindowMemory {
  if (length < addon().windowLength) return make(length, fd);
  const known = spare.pop();
  if (known !== undefined) return known;
  const memory = make(length, fd);
  makeSpare(Math.min(likely, MOST) - 1, fd);
  return memory;
}

/** Where there is no room, whoever needs it will be told. */
function makeSpare(count: number, fd: number): void {
  for (let more = count; more > 0; more--) {
    try {
      spare.push(make(addon().windowLength, fd));
    } catch {
      return;
    }
  }
}

/** Takes back what no window could be placed over. */
export function returnMemory({ buffer, board }: WindowMemory): void {
  if (buffer.length === addon().windowLength) spare.push({ buffer, board });
  else addon().detach(buffer.buffer as ArrayBuffer);
}

function make(length: number, fd: number): WindowMemory {
  const buffer = mapper().map(length, fd);
  return { buffer, board: addon().adopt(buffer) };
}
