import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { NofaultError } from '../../errors';
import { readError } from './system-error';

/** Bytes of a file that are read at once. */
const PIECE = 256 * 1024;
const NEWLINE = 0x0a;
const GZIP = [0x1f, 0x8b];

/** Counts what is read. */
export interface ByteCount {
  bytesRead: number;
}

/** The bytes of a file, from start to end. Anything that can be read will do, a FIFO too. */
export async function* bytesOfFile(path: Buffer | string, name: string, count: ByteCount): AsyncGenerator<Buffer> {
  const read = <Result>(work: Promise<Result>): Promise<Result> => work.catch((error) => Promise.reject(readError(error, name)));
  const file = await read(open(path, 'r'));
  try {
    for (;;) {
      const { bytesRead, buffer } = await read(file.read(Buffer.allocUnsafeSlow(PIECE), 0, PIECE, null));
      if (bytesRead === 0) return;
      count.bytesRead += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** A few bytes of the start (fewer only where there are no more), and all bytes once more, those included. */
export async function peek(
  bytes: AsyncIterable<Uint8Array>,
  length: number,
): Promise<{ start: Buffer; whole: () => AsyncGenerator<Uint8Array> }> {
  const iterator = bytes[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  let peeked = 0;
  let done = false;
  while (peeked < length && !done) {
    const next = await iterator.next();
    if (next.done) done = true;
    else {
      pieces.push(next.value);
      peeked += next.value.length;
    }
  }
  return {
    start: Buffer.concat(pieces).subarray(0, length),
    whole: async function* () {
      try {
        yield* pieces;
        while (!done) {
          const next = await iterator.next();
          if (next.done) return;
          yield next.value;
        }
      } finally {
        await iterator.return?.();
      }
    },
  };
}

export function isGzip(start: Uint8Array): boolean {
  return start[0] === GZIP[0] && start[1] === GZIP[1];
}

/** Unpacks gzip as it comes. */
export async function* unpacked(bytes: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: PIECE });
  const feeding = (async () => {
    try {
      for await (const piece of bytes) {
        if (!gunzip.write(piece)) await new Promise<void>((resolve) => gunzip.once('drain', resolve).once('close', resolve));
        if (gunzip.destroyed) return;
      }
      gunzip.end();
    } catch (error) {
      gunzip.destroy(error as Error);
    }
  })();
  try {
    yield* gunzip as AsyncIterable<Uint8Array>;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (typeof code !== 'string' || !code.startsWith('Z_')) throw cause;
    throw new NofaultError('BAD_FORMAT', `${name} cannot be unpacked: ${(cause as Error).message}`, { path: name, cause });
  } finally {
    gunzip.destroy();
    await feeding;
  }
}

/** Passes bytes on that are text in UTF-8, without a byte order mark; pieces end behind a line, or hold a part of one that is longer than a piece. */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>, name: string, longestLine: number): AsyncGenerator<Buffer> {
  let waiting: Uint8Array[] = [];
  let waitingLength = 0;
  let position = 0;
  let first = true;
  const pass = (text: Buffer): Buffer => {
    if (first) {
      first = false;
      if (text.length >= 2 && ((text[0] === 0xff && text[1] === 0xfe) || (text[0] === 0xfe && text[1] === 0xff))) {
        throw new NofaultError('BAD_FORMAT', `${name} is UTF-16: make it UTF-8, as with "iconv -f UTF-16 -t UTF-8"`, {
          path: name,
          offset: 0,
        });
      }
      if (text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf) {
        position += 3;
        return pass(text.subarray(3));
      }
    }
    if (!isUtf8(text)) {
      throw new NofaultError(
        'BAD_FORMAT',
        `${name} is not UTF-8, somewhere in the ${text.length} bytes from ${position} on: convert it, as with "iconv -f LATIN1 -t UTF-8"`,
        { path: name, offset: position },
      );
    }
    position += text.length;
    return text;
  };
  for await (const piece of bytes) {
    const end = piece.lastIndexOf(NEWLINE) + 1;
    if (end === 0) {
      // Copied: the piece may be used again by who gave it.
      waiting.push(Uint8Array.from(piece));
      waitingLength += piece.length;
      if (waitingLength > longestLine) {
        throw new NofaultError('LIMIT', `${name} has a line of more than ${longestLine} bytes, from byte ${position} on`, {
          path: name,
          offset: position,
        });
      }
      continue;
    }
    yield pass(Buffer.concat([...waiting, piece.subarray(0, end)]));
    waiting = end < piece.length ? [Uint8Array.from(piece.subarray(end))] : [];
    waitingLength = piece.length - end;
  }
  if (waitingLength > 0) yield pass(Buffer.concat(waiting));
}
