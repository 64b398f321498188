import { configure, type ErrorCode, type MappedFile, NofaultError, type OpenOptions, open, type PageSet } from 'nofault';

export async function firstBytes(path: string | URL, options: OpenOptions): Promise<Uint8Array[]> {
  configure({ maxThreads: 8 });
  await using file: MappedFile = await open(path, options);
  const pages: PageSet = await file.getPages([0, { first: 1, count: 2 }]).arrived;
  const ranges = file.getRanges([{ offset: 5, length: 7 }], { priority: 'scan' });
  const now: Uint8Array | undefined = file.tryPage(0);
  return [pages.bytes(0), ranges.bytes(0), ...(now === undefined ? [] : [now])];
}

export function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof NofaultError ? error.code : undefined;
}

// @ts-expect-error: a number is no path
export const wrong = open(42);
