import type { GetOptions } from '../file/contract';
import type { MappedFile } from '../file/mapped-file';
import { addon, type NativeHeader } from '../native';
import { PLACE } from '../native/bitmap';
import { damaged } from './damage';
import { type BitmapRef, checksum } from './format';

/** Bytes that are checked at once, about. */
const AT_ONCE = 2 ** 20;

/** Reads all of a bitmap. Rejects with `BAD_FORMAT` unless its containers follow one another, each is as it should be, and the checksum is right. */
export async function checkBitmap(file: MappedFile, ref: BitmapRef, header: NativeHeader, options: GetOptions): Promise<void> {
  const place = (container: number): Float64Array => header.place(container) as Float64Array;
  const startOf = (container: number): number => (container < header.containers ? (place(container)[PLACE.offset] as number) : ref.length);
  let next = header.length;
  let sum = await readUndisturbed(file, { offset: ref.offset, length: header.length }, options, async (bytes) => checksum(bytes));
  for (let from = 0, to = 0; from < header.containers; from = to) {
    const start = startOf(from);
    for (; to < header.containers && (to === from || startOf(to + 1) - start <= AT_ONCE); to++) {
      const container = place(to);
      const offset = container[PLACE.offset] as number;
      if (offset !== next) throw damaged(file.path, ref.offset + offset, 'its containers do not follow one another');
      next = offset + (container[PLACE.length] as number);
    }
    const before = sum;
    const found = await readUndisturbed(file, { offset: ref.offset + start, length: next - start }, options, (bytes) =>
      addon().checkContainers(header, from, to, bytes, before),
    );
    if (found.wrong !== undefined) throw damaged(file.path, ref.offset + (found.offset ?? 0), found.wrong);
    sum = found.checksum;
  }
  if (next !== ref.length) throw damaged(file.path, ref.offset + next, 'it goes on after its last container');
  if (sum !== ref.checksum) throw damaged(file.path, ref.offset, 'its checksum is wrong');
}

/** Reads a range, again if the guard has covered a page of any file meanwhile. */
async function readUndisturbed<T>(
  file: MappedFile,
  range: { offset: number; length: number },
  options: GetOptions,
  read: (bytes: Uint8Array) => Promise<T>,
): Promise<T> {
  for (;;) {
    const marks = addon().marksMade();
    const set = file.getRanges([range], options);
    for await (const entry of set) {
      const result = await read(set.bytes(entry));
      if (addon().marksMade() !== marks) continue;
      file.assertReaches(range.offset + range.length);
      return result;
    }
  }
}
