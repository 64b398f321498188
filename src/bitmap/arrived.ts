import { NofaultError } from '../errors';
import type { PageSet } from '../file/contract';

/** The bytes of an entry that has arrived; undefined when they have left memory since, and have to be asked for anew. */
export function bytesOf(set: PageSet, entry: number): Uint8Array | undefined {
  try {
    return set.bytes(entry);
  } catch (error) {
    if (error instanceof NofaultError && error.code === 'NOT_RESIDENT') return undefined;
    throw error;
  }
}
