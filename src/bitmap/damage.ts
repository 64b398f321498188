import { NofaultError } from '../errors';

/** A bitmap is not what it should be; `offset` is in bytes from the start of the file. */
export function damaged(path: string, offset: number, what: string): NofaultError {
  return new NofaultError('BAD_FORMAT', `a bitmap in ${path} is damaged at byte ${offset}: ${what}`, { path, offset });
}
