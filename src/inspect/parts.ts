import type { NofaultError } from '../errors';
import type { ByteRange } from '../file/contract';
import type { FileParts, FileResidency, PathsOrParts, TreeOptions } from './contract';
import { Counting } from './counting';
import type { Task } from './file-by-file';
import { checkName, type Name, nameOf } from './names';
import { checkRanges } from './page-ranges';
import { Walk } from './walk';

/** A file to work on. */
export interface PartsTask extends Task {
  /** Of a file that was met on a walk, what was found. */
  readonly found?: FileResidency;
  /** The parts to work on; all of it without. */
  readonly ranges?: readonly ByteRange[];
}

/** Files to work on: found by walking paths, or parts of files that were given with their ranges. */
export class Parts {
  readonly #paths: readonly Name[];
  readonly #parts: readonly PartsTask[];
  readonly #ranges: readonly ByteRange[] | undefined;
  readonly #options: TreeOptions;

  /** Throws `INVALID_ARGUMENT`. */
  constructor(given: PathsOrParts, options: TreeOptions & { readonly ranges?: Iterable<ByteRange> }) {
    const list: Iterable<unknown> = isIterable(given) ? given : [given];
    const paths: Name[] = [];
    const parts: PartsTask[] = [];
    let index = 0;
    for (const one of list) {
      const what = `paths[${index++}]`;
      if (isParts(one)) parts.push({ name: checkName(one.path, `${what}.path`), ranges: checkRanges(one.ranges, `${what}.ranges`) });
      else paths.push(checkName(one, what));
    }
    this.#paths = paths;
    this.#parts = parts;
    this.#ranges = options.ranges === undefined ? undefined : checkRanges(options.ranges, 'options.ranges');
    this.#options = options;
    // Globs are checked now.
    this.#walk();
  }

  async *tasks(): AsyncGenerator<PartsTask, void, undefined> {
    for await (const files of this.#walk()) {
      for (const found of files) {
        // Once under one of its names is enough.
        if (!found.again) yield this.#task(found);
      }
    }
    yield* this.#parts;
  }

  /** Sums up something of all files, by walking over them once: of a walk's file what was found of it, of parts their ranges. */
  async sum(ofFile: (found: FileResidency) => number): Promise<number> {
    let sum = 0;
    for await (const { found, ranges } of this.tasks()) {
      if (ranges !== undefined) for (const { length } of ranges) sum += Math.min(length, found?.size ?? length);
      else if (found !== undefined && found.error === undefined) sum += ofFile(found);
    }
    return sum;
  }

  #walk(): Walk {
    return new Walk(
      this.#paths.map(({ bytes }) => bytes),
      this.#options,
      new Counting({ map: false, cells: 0 }),
    );
  }

  #task(found: FileResidency): PartsTask {
    const name = typeof found.path === 'string' ? { text: found.path, bytes: Buffer.from(found.path) } : nameOf(found.path);
    const error: NofaultError | undefined = found.error;
    return { name, found, ...(error && { error }), ...(this.#ranges && { ranges: this.#ranges }) };
  }
}

function isIterable(given: PathsOrParts): given is Iterable<string | Buffer | URL | FileParts> {
  return typeof given === 'object' && given !== null && !Buffer.isBuffer(given) && !(given instanceof URL) && Symbol.iterator in given;
}

function isParts(one: unknown): one is FileParts {
  return typeof one === 'object' && one !== null && !Buffer.isBuffer(one) && !(one instanceof URL) && 'path' in one;
}
