import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { NofaultError } from '../errors';
import type { Paths } from '../inspect/contract';
import { readAssets } from './assets';
import { LivePage, type LivePageOptions } from './live-page';

export interface ServeOptions extends LivePageOptions {
  /** 0 for any that is free. */
  readonly port: number;
  /** Where the page's own files are. By default beside this module, as compiled. */
  readonly pageFolder?: string;
}

export interface LiveServer {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  readonly port: number;
  /** Ends all connections and looks at once. */
  close(): Promise<void>;
}

/** Nobody but this machine can connect. */
const ADDRESS = '127.0.0.1';
const MOST_CONNECTIONS = 512;

/** Serves the page. Rejects with `IO` where the port cannot be had. Nothing is asked about the files until a browser watches. */
export async function startServer(paths: Paths, options: ServeOptions): Promise<LiveServer> {
  const given = typeof paths === 'string' || Buffer.isBuffer(paths) || paths instanceof URL ? [paths] : [...paths];
  const page = new LivePage(given, await readAssets(options.pageFolder ?? join(__dirname, 'page')), options);
  const server = createServer({ keepAliveTimeout: 5_000, headersTimeout: 10_000, requestTimeout: 10_000 }, (request, response) =>
    page.respond(request, response),
  );
  server.maxConnections = MOST_CONNECTIONS;
  const port = await listen(server, options.port);
  return {
    url: `http://${ADDRESS}:${port}/`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        page.end();
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const advice = error.code === 'EADDRINUSE' ? 'another program has it; choose another, or 0 for any that is free' : error.message;
      const place = error.errno === undefined ? {} : { errno: -error.errno, syscall: 'listen' };
      reject(new NofaultError('IO', `cannot listen on port ${port} of ${ADDRESS}: ${advice}`, { ...place, cause: error }));
    });
    server.listen(port, ADDRESS, () => resolve((server.address() as AddressInfo).port));
  });
}
