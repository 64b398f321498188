import { type MappedFile, NofaultError, type PageSet } from '../src/index';

/**
 * One entry's bytes, copied. A page may leave memory between its arrival and this question (the machine reclaims when it likes): then it is asked for
 * again.
 */
export async function copyOf(set: PageSet, entry: number, again: () => PageSet): Promise<Buffer> {
  for (let current = set, index = entry; ; current = again(), index = 0) {
    await current.arrived;
    const bytes = bytesIfThere(current, index);
    if (bytes) return Buffer.from(bytes);
  }
}

/** One page's bytes, copied. */
export function readPage(file: MappedFile, page: number): Promise<Buffer> {
  const ask = (): PageSet => file.getPages([page]);
  return copyOf(ask(), 0, ask);
}

/** The bytes of one range, copied. */
export function readRange(file: MappedFile, offset: number, length: number): Promise<Buffer> {
  const ask = (): PageSet => file.getRanges([{ offset, length }]);
  return copyOf(ask(), 0, ask);
}

/** The entry's view, or undefined where `bytes` says NOT_RESIDENT. Every other error is thrown. */
export function bytesIfThere(set: PageSet, entry: number): Uint8Array | undefined {
  try {
    return set.bytes(entry);
  } catch (error) {
    if (error instanceof NofaultError && error.code === 'NOT_RESIDENT') return undefined;
    throw error;
  }
}

/** Has pages brought in. */
export function bring(file: MappedFile, pages: readonly number[]): Promise<unknown> {
  return file.getPages([...pages]).arrived;
}

/** Asks a synchronous question again, with a read between, until it is answered: a page may leave at any moment. */
export async function untilAnswered<T>(question: () => T | undefined, bring: () => Promise<unknown>): Promise<T> {
  for (;;) {
    const answer = question();
    if (answer !== undefined) return answer;
    await bring();
  }
}

/** Every number that iterating the set yields, in order. */
export async function collect(set: PageSet): Promise<number[]> {
  const entries: number[] = [];
  for await (const entry of set) entries.push(entry);
  return entries;
}
