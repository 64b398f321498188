import { constants } from 'node:os';
import { type ErrorCode, NofaultError } from '../errors';
import type { NativeFile } from '../native';
import { MARKS, RECORD } from '../native/file';

/** What touches of a file's views have met: a file that was truncated, that fails, or a write into a view. The guard records it, at any time. */
export class Faults {
  readonly #path: string;
  readonly #pageSize: number;
  readonly #native: NativeFile;
  /** At the places of RECORD; the first is not 0 when something has happened that nobody has been told. */
  readonly record: Float64Array;
  #marksForgotten = 0;

  constructor(native: NativeFile, path: string, pageSize: number) {
    this.#path = path;
    this.#pageSize = pageSize;
    this.#native = native;
    this.record = new Float64Array(native.record.buffer, native.record.byteOffset, RECORD.length);
  }

  /** Whether something has happened that nobody has been told. */
  get pending(): boolean {
    return this.record[RECORD.pending] !== 0;
  }

  /** Whether pages may be marked. */
  get marked(): boolean {
    return this.record[RECORD.marks] !== this.#marksForgotten;
  }

  /** The pages that were marked are mapped anew. */
  forgetMarks(): void {
    this.#marksForgotten = this.record[RECORD.marks] as number;
  }

  /** Times when this thread waited inside calls of the library after all. */
  get blockedTouches(): number {
    return this.record[RECORD.blockedTouches] as number;
  }

  /** What has happened; told once. */
  take(): NofaultError {
    const record = this.record;
    const error = this.#error(record[RECORD.mark] as number, record[RECORD.page] as number);
    record[RECORD.pending] = 0;
    return error;
  }

  /** Why an entry is marked; undefined when it is not. */
  of(first: number, count: number): NofaultError | undefined {
    const [mark, page] = this.#native.marked(first, count) as unknown as [number, number];
    return mark === 0 ? undefined : this.#error(mark, page);
  }

  #error(mark: number, page: number): NofaultError {
    const code = MARKS[mark] as ErrorCode;
    const offset = page * this.#pageSize;
    const place = { path: this.#path, offset };
    if (code === 'TRUNCATED') {
      return new NofaultError(
        code,
        `${this.#path} has become shorter: it ends before byte ${offset}, where a view was read. Call refresh`,
        place,
      );
    }
    if (code === 'READ_ONLY') {
      const message = `somebody wrote into a view of ${this.#path}, at byte ${offset} or up to a page behind it: the write went to a copy, the file is as it was. Call refresh to read that page again`;
      return new NofaultError(code, message, place);
    }
    return new NofaultError(
      'IO',
      `${this.#path} could not be read at byte ${offset}, where a view was touched (EIO). Call refresh to try again`,
      {
        ...place,
        errno: constants.errno.EIO,
      },
    );
  }
}
