import { NofaultError } from '../errors';
import type { MappedFile } from '../file/mapped-file';
import { type Column, decodeColumns, decodeHeader, HEADER_LENGTH, type Header, LONGEST_COLUMN, Malformed } from './format';

/** Does something with bytes of an index: what is malformed becomes `BAD_FORMAT`, with the path and the offset. */
export function reading<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof Malformed ? badFormat(path, error) : error;
  }
}

/** The same for what may wait. */
export async function readingLater<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof Malformed ? badFormat(path, error) : error;
  }
}

function badFormat(path: string, { message, offset }: Malformed): NofaultError {
  return new NofaultError('BAD_FORMAT', `${path} is no sound index, at byte ${offset}: ${message}`, { path, offset });
}

/** What of an index is read when it is opened: a page at its beginning, and a few at its end. */
export async function readColumns(file: MappedFile, signal?: AbortSignal): Promise<{ header: Header; columns: Column[] }> {
  const options = signal ? { signal } : {};
  return readingLater(file.path, async () => {
    if (file.size < HEADER_LENGTH) throw new Malformed(`an index has ${HEADER_LENGTH} bytes at least, and this file has ${file.size}`, 0);
    const head = Buffer.alloc(HEADER_LENGTH);
    await file.read([head], [0], options);
    const header = decodeHeader(head, file.size);
    if (header.tableLength > header.columnCount * LONGEST_COLUMN) {
      throw new Malformed(`a table of ${header.tableLength} bytes is too long for ${header.columnCount} columns`, 40);
    }
    const table = Buffer.alloc(header.tableLength);
    await file.read([table], [header.tableOffset], options);
    return { header, columns: decodeColumns(table, header) };
  });
}
