import { NofaultError } from '../../errors';
import { MOST_FILES } from './format';

/** Classes that shares are sorted into. */
const CLASSES = 1000;

/** The files of a snapshot, with where each begins in it, to be taken the densest first: 18 bytes a file, and sorted in one go over them, however many there are. */
export class DensityOrder {
  #positions = new Float64Array(1024);
  #bytes = new Float64Array(1024);
  #classes = new Uint16Array(1024);
  length = 0;
  /** Of all files. */
  residentBytes = 0;

  add(position: number, residentBytes: number, size: number): void {
    if (this.length === MOST_FILES) {
      throw new NofaultError('LIMIT', `the snapshot has more than ${MOST_FILES} files: take several, of parts of the tree`);
    }
    if (this.length === this.#positions.length) this.#grow();
    this.#positions[this.length] = position;
    this.#bytes[this.length] = residentBytes;
    this.#classes[this.length] = Math.floor((1 - residentBytes / size) * CLASSES);
    this.residentBytes += residentBytes;
    this.length += 1;
  }

  /** Those of which a larger share was resident first, to a thousandth; among equals as in the snapshot. */
  *densestFirst(): Generator<{ readonly position: number; readonly residentBytes: number }, void, undefined> {
    const starts = new Uint32Array(CLASSES + 2);
    for (let i = 0; i < this.length; i++) count(starts, (this.#classes[i] as number) + 1);
    for (let i = 1; i < starts.length; i++) starts[i] = (starts[i] as number) + (starts[i - 1] as number);
    const order = new Uint32Array(this.length);
    for (let i = 0; i < this.length; i++) order[count(starts, this.#classes[i] as number)] = i;
    for (const i of order) yield { position: this.#positions[i] as number, residentBytes: this.#bytes[i] as number };
  }

  #grow(): void {
    const room = this.length * 2;
    const [positions, bytes, classes] = [new Float64Array(room), new Float64Array(room), new Uint16Array(room)];
    positions.set(this.#positions);
    bytes.set(this.#bytes);
    classes.set(this.#classes);
    [this.#positions, this.#bytes, this.#classes] = [positions, bytes, classes];
  }
}

/** Counts one more, and returns what the count was. */
function count(counts: Uint32Array, index: number): number {
  const before = counts[index] as number;
  counts[index] = before + 1;
  return before;
}
