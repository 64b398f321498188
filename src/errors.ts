/**
 * What went wrong, for programs:
 *
 * - `CLOSED` the file was closed before or while the call ran
 * - `OUT_OF_RANGE` a page, run or byte range does not lie in the file
 * - `NOT_RESIDENT` the entry has not arrived, or has left memory again
 * - `TRUNCATED` the file became shorter than it was when it was opened
 * - `IO` the kernel or the storage failed: see `errno`, `syscall` and `offset`
 * - `READ_ONLY` somebody wrote into a view
 * - `UNSUPPORTED` this system, or this kind of file, cannot be read in this way
 * - `BAD_FORMAT` an index or Roaring file is damaged
 * - `BAD_EXPRESSION` a query does not parse or does not fit the index
 * - `LIMIT` a limit of nofault or of the system stands in the way; the message names it
 * - `INVALID_ARGUMENT` the call is wrong; the message says what was expected and what came
 */
export type ErrorCode =
  | 'CLOSED'
  | 'OUT_OF_RANGE'
  | 'NOT_RESIDENT'
  | 'TRUNCATED'
  | 'IO'
  | 'READ_ONLY'
  | 'UNSUPPORTED'
  | 'BAD_FORMAT'
  | 'BAD_EXPRESSION'
  | 'LIMIT'
  | 'INVALID_ARGUMENT';

/** Where an error happened, as far as it is known. */
export interface ErrorPlace {
  /** The system's error number, positive, as in errno(3). */
  readonly errno?: number | undefined;
  /** The system call that failed. */
  readonly syscall?: string | undefined;
  readonly path?: string | undefined;
  /** Bytes from the start of the file; of a `BAD_EXPRESSION`, characters (UTF-16 units) from the start of the text. */
  readonly offset?: number | undefined;
  readonly cause?: unknown;
}

/** Every error that nofault itself raises. Cancelling rejects with the signal's reason instead, as in Node. */
export class NofaultError extends Error {
  override readonly name = 'NofaultError';
  readonly code: ErrorCode;
  declare readonly errno?: number;
  declare readonly syscall?: string;
  declare readonly path?: string;
  declare readonly offset?: number;

  constructor(code: ErrorCode, message: string, place: ErrorPlace = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause });
    this.code = code;
    // Absent rather than undefined, so that printing and comparing an error shows what is known and nothing else.
    if (place.errno !== undefined) this.errno = place.errno;
    if (place.syscall !== undefined) this.syscall = place.syscall;
    if (place.path !== undefined) this.path = place.path;
    if (place.offset !== undefined) this.offset = place.offset;
  }
}

/** An `INVALID_ARGUMENT` error that says what was expected and shows what came. */
export function invalidArgument(what: string, expected: string, came: unknown): NofaultError {
  return new NofaultError('INVALID_ARGUMENT', `${what} must be ${expected}, but ${show(came)} came`);
}

/** A value in a few words for an error message; never throws and never grows long. */
export function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > 60 ? `${JSON.stringify(value.slice(0, 60))}...` : JSON.stringify(value);
    case 'bigint':
      return `${value}n (a bigint)`;
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'object': {
      if (value === null) return 'null';
      const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
      return typeof name === 'string' && name !== 'Object' ? `an object of class ${name}` : 'an object';
    }
    case 'function':
      return 'a function';
    default:
      return String(value);
  }
}
