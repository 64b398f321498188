/*
 * A small HTTP server for byte ranges of one big file: node .build/examples/http-pages.js FILE [PORT]
 *
 *   curl -s -r 1000000-1000099 http://127.0.0.1:8080/ | wc -c
 *
 * What is in memory is sent at once; a client whose bytes are on a slow device waits alone, because the event loop never does.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type ByteRange, type MappedFile, open } from 'nofault';

const PIECE = 256 * 1024;
/** Pieces that are asked for in one call: the depth of the reading, and the most copies that a response holds. */
const PIECES_AT_ONCE = 16;

async function main(): Promise<void> {
  const [path, port = '8080'] = process.argv.slice(2);
  if (path === undefined) throw new Error('expected a file to serve: http-pages.js FILE [PORT]');
  const file = await open(path);
  const server = createServer((request, response) => {
    respond(file, request, response).catch((error: unknown) => {
      // Before the first byte the client can still be told. Afterwards a broken connection is the only honest end.
      if (response.headersSent) response.destroy();
      else refuse(response, 500);
      if (!isAbort(error)) process.stderr.write(`${String(error)}\n`);
    });
  });
  server.listen(Number(port), '127.0.0.1', () => {
    const address = server.address();
    const actualPort = typeof address === 'object' && address !== null ? address.port : port;
    process.stderr.write(`${file.size} bytes at http://127.0.0.1:${actualPort}/\n`);
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      server.close(() => void file.close());
      server.closeAllConnections();
    });
  }
}

async function respond(file: MappedFile, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, { Allow: 'GET, HEAD' });
  if (request.url !== '/') return refuse(response, 404);
  const wanted = parseRange(request.headers.range, file.size);
  if (wanted === 'unsatisfiable') return refuse(response, 416, { 'Content-Range': `bytes */${file.size}` });

  const { offset, length } = wanted ?? { offset: 0, length: file.size };
  const headers: Record<string, string | number> = {
    'Accept-Ranges': 'bytes',
    'Content-Type': 'application/octet-stream',
    'Content-Length': length,
  };
  if (wanted !== undefined) headers['Content-Range'] = `bytes ${offset}-${offset + length - 1}/${file.size}`;
  response.writeHead(wanted === undefined ? 200 : 206, headers);
  if (request.method === 'GET') await send(file, offset, length, response);
  response.end();
}

/** Sends a stretch of the file in order, though its pieces arrive in the order in which the device has them. */
async function send(file: MappedFile, offset: number, length: number, response: ServerResponse): Promise<void> {
  // A client that has gone takes its reads with it: what has not been started is not read any more.
  const gone = new AbortController();
  response.once('close', () => gone.abort());

  const end = offset + length;
  for (let start = offset; start < end; ) {
    const pieces: ByteRange[] = [];
    for (; start < end && pieces.length < PIECES_AT_ONCE; start += PIECE)
      pieces.push({ offset: start, length: Math.min(PIECE, end - start) });

    const set = file.getRanges(pieces, { signal: gone.signal });
    const copies = new Map<number, Buffer>();
    let next = 0;
    for await (const entry of set) {
      // A copy, because the socket reads its bytes later: by then the view's pages may have left memory, and the write would wait for the device on
      // the event loop; and closing the file would empty the view under the socket's hands. 256 KiB are copied in some ten microseconds.
      copies.set(entry, Buffer.from(set.bytes(entry)));
      for (let copy = copies.get(next); copy !== undefined; copy = copies.get(next)) {
        copies.delete(next);
        next += 1;
        if (!response.write(copy)) await drained(response, gone.signal);
      }
    }
  }
}

/** Resolves when the socket has room again, rejects when the client has gone. */
function drained(response: ServerResponse, gone: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      response.off('drain', end);
      gone.removeEventListener('abort', end);
      if (gone.aborted) reject(gone.reason);
      else resolve();
    };
    response.once('drain', end);
    gone.addEventListener('abort', end);
    if (gone.aborted) end();
  });
}

/**
 * One range of a Range header (RFC 9110, section 14): `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-COUNT`. Undefined where there is none, or one of another
 * kind, or several: a server may then answer with the whole.
 */
function parseRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  const first = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const last = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[1] !== '' && match[2] !== '' && Number(match[2]) < first) return undefined;
  return first > last ? 'unsatisfiable' : { offset: first, length: last - first + 1 };
}

function refuse(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, headers).end();
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
