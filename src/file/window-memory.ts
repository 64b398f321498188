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

const spare: WindowMemory[] = [];

/** Memory for a window of `length` bytes, and for as many as are likely to be needed, when it is made. `fd` is the file's. Throws the system's error when there is no room. */
export function takeMemory(length: number, likely: number, fd: number): WindowMemory {
  if (length < addon().windowLength) return make(length, fd);
  const known = spare.pop();
  if (known !== undefined) return known;
  const memory = make(length, fd);
  for (let more = Math.min(likely, MOST) - 1; more > 0; more--) {
    try {
      spare.push(make(length, fd));
    } catch {
      break;
    }
  }
  return memory;
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
