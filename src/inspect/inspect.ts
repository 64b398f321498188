import { NofaultError } from '../errors';
import type { FileResidency, Inspection, InspectOptions, Paths, Totals } from './contract';
import { Counting } from './counting';
import { checkBoolean, checkNumber, checkTreeOptions } from './paths';
import { Sums } from './totals';
import { Walk } from './walk';

export const MOST_CELLS = 65_536;

/**
 * Looks at files and trees: how much of each file is in memory, asked on threads; nothing is read in. What cannot be looked at is yielded with its error.
 *
 * Throws `INVALID_ARGUMENT` for wrong arguments; the iteration rejects with the signal's reason when it is cancelled, and for no other reason.
 */
export function inspect(paths: Paths, options: InspectOptions = {}): Inspection {
  checkTreeOptions(options);
  const { map = false, cells = 0 } = options;
  checkBoolean(options.map, 'options.map');
  checkNumber(options.cells, 'options.cells', 1, MOST_CELLS);
  return new FilesInspected(new Walk(paths, options, new Counting({ map, cells })));
}

class FilesInspected implements Inspection {
  readonly #walk: Walk;
  readonly #sums = new Sums();
  #begun = false;

  constructor(walk: Walk) {
    this.#walk = walk;
  }

  get totals(): Totals {
    return this.#sums;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FileResidency, void, undefined> {
    if (this.#begun) throw new NofaultError('INVALID_ARGUMENT', 'an inspection can be iterated once: call inspect again');
    this.#begun = true;
    for await (const files of this.#walk) {
      for (const file of files) {
        this.#sums.add(file);
        yield file;
      }
    }
  }
}
