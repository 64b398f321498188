import { constants, open } from 'node:fs/promises';

const PIECE = 4 * 2 ** 20;
const WASM_PAGE = 65_536;
// The types of Node have no WebAssembly.
declare const WebAssembly: { readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer } };

/** Reads bytes of a file past the page cache, and throws them away. Offset and length are multiples of a block; the length may go past the end. */
export async function readDirectly(path: string, offset: number, length: number): Promise<void> {
  const size = Math.min(length, PIECE);
  // Of all that Node can allocate only this begins at a page, as direct I/O demands.
  const buffer = new Uint8Array(new WebAssembly.Memory({ initial: Math.ceil(size / WASM_PAGE) }).buffer);
  // A buffer that is not in memory yet makes btrfs read through the page cache after all.
  buffer.fill(1);
  const file = await open(path, constants.O_RDONLY | constants.O_DIRECT);
  try {
    for (let at = 0; at < length; at += size) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(size, length - at), offset + at);
      if (bytesRead === 0) return;
    }
  } finally {
    await file.close();
  }
}
