/*
 * A small HTTP server that answers queries over a bitmap index: node .build/examples/query-server.js INDEX [PORT]
 *
 *   curl -s -G http://127.0.0.1:8080/count --data-urlencode "where=origin = 'SEA' and delay > 60"
 *   curl -s -G http://127.0.0.1:8080/rows --data-urlencode "where=delay > 600" -d limit=10
 *
 * What is in memory is answered in the turn of the event loop in which it was asked. A query that needs the disk, or much time, waits for it, and nobody waits
 * with it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type BitmapIndex, NofaultError, openIndex } from 'nofault';

/** Rows that one response may have. */
const MOST_ROWS = 100_000;

async function main(): Promise<void> {
  const [path, port = '8080'] = process.argv.slice(2);
  if (path === undefined) throw new Error('expected an index to serve: query-server.js INDEX [PORT]');
  const index = await openIndex(path);
  const server = createServer((request, response) => {
    respond(index, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else if (error instanceof NofaultError && error.code === 'BAD_EXPRESSION') send(response, 400, { error: error.message });
      else if (!response.destroyed) send(response, 500, { error: 'the index cannot be read' });
      if (!(error instanceof NofaultError && error.code === 'BAD_EXPRESSION') && !isAbort(error))
        process.stderr.write(`${String(error)}\n`);
    });
  });
  server.listen(Number(port), '127.0.0.1', () => {
    const address = server.address();
    const actualPort = typeof address === 'object' && address !== null ? address.port : port;
    process.stderr.write(`${index.rowCount} rows at http://127.0.0.1:${actualPort}/\n`);
  });
  // An index that was built anew and renamed into place is read from here on; queries that run end on the old one.
  process.on('SIGHUP', () => {
    index.refresh().then(
      (replaced) => process.stderr.write(replaced ? `now ${index.rowCount} rows\n` : 'the index is still the same\n'),
      (error: unknown) => process.stderr.write(`${String(error)}\n`),
    );
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      server.close(() => void index.close());
      server.closeAllConnections();
    });
  }
}

async function respond(index: BitmapIndex, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  if (request.method !== 'GET') return send(response, 405, { error: 'only GET is answered' }, { Allow: 'GET' });
  if (pathname !== '/count' && pathname !== '/rows') return send(response, 404, { error: 'ask for /count or /rows' });
  const where = searchParams.get('where');
  if (where === null) return send(response, 400, { error: 'where is missing' });

  if (pathname === '/rows') return sendRows(index, where, limitOf(searchParams.get('limit')), response, goneFrom(response));

  const count = index.tryCount(where) ?? (await index.count(where, { signal: goneFrom(response), priority: 'scan' }));
  send(response, 200, { count });
}

/** Aborts when the client has gone, which takes its reads with it: what has not been started is not read any more. */
function goneFrom(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  return gone.signal;
}

/** Sends rows while they are found; a client that reads slowly holds the scan up, and nothing is piled up for it. */
async function sendRows(index: BitmapIndex, where: string, limit: number, response: ServerResponse, gone: AbortSignal): Promise<void> {
  let text = '{"rows":[';
  for await (const rows of index.rows(where, { limit, signal: gone, priority: 'scan' })) {
    if (!response.headersSent) response.writeHead(200, { 'Content-Type': 'application/json' });
    if (!response.write(`${text}${rows.join(',')}`)) await drained(response, gone);
    text = ',';
  }
  if (response.headersSent) response.end(']}\n');
  else send(response, 200, { rows: [] });
}

function limitOf(text: string | null): number {
  const limit = Number(text ?? MOST_ROWS);
  return Number.isSafeInteger(limit) && limit >= 0 ? Math.min(limit, MOST_ROWS) : MOST_ROWS;
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

function send(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text), ...headers }).end(text);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
