import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { dirname, join } from 'node:path';
import type { Events } from '../../src/web/events';
import { type LiveServer, type ServeOptions, startServer } from '../../src/web/server';
import { builtPackage } from '../built-package';
import { StandIn } from './stand-in';

/** The page's own files, as browsers get them. */
export const pageFolder = (): string => join(dirname(builtPackage()), 'web', 'page');

const running: LiveServer[] = [];
const guests: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(guests.map((leave) => leave()));
  await Promise.all(running.splice(0).map((server) => server.close()));
});

/** Has somebody leave before the servers of a test end. */
export function leaveFirst(leave: () => Promise<void>): void {
  guests.push(leave);
}

/** A server of the test's own, which ends with it. */
export async function serve(
  paths: readonly string[] = ['/given'],
  options: Partial<ServeOptions> = {},
): Promise<{ server: LiveServer; inspector: StandIn }> {
  const inspector = new StandIn();
  const printable = (text: string | Buffer): string => text.toString();
  const server = await startServer(paths, { port: 0, interval: 10, inspector, printable, pageFolder: pageFolder(), ...options });
  running.push(server);
  return { server, inspector };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One request, exactly as it is said: nothing of its path is tidied up. */
export function ask(
  { port }: Pick<LiveServer, 'port'>,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', path, method, headers: { Connection: 'close', ...headers } }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}

export interface Told<Name extends keyof Events = keyof Events> {
  readonly name: Name;
  readonly data: Events[Name];
}

/** A browser's end of the stream of events, as the HTML standard reads it. */
export class Browser {
  /** Bytes that came. */
  received = 0;
  /** All that it was told, in this order. */
  readonly told: Told[] = [];
  ended = false;
  readonly #request: ClientRequest;
  readonly #response: IncomingMessage;
  #unread = 0;
  #text = '';
  #wake: () => void = () => {};

  static connect({ port }: Pick<LiveServer, 'port'>): Promise<Browser> {
    return new Promise((resolve, reject) => {
      const asked = request({ port, host: '127.0.0.1', path: '/events', agent: false }, (response) =>
        resolve(new Browser(asked, response)),
      );
      asked.on('error', reject);
      asked.end();
    });
  }

  private constructor(asked: ClientRequest, response: IncomingMessage) {
    this.#request = asked;
    this.#response = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#take(text));
    // A connection that the server cuts is an end like any other here.
    for (const event of ['end', 'error', 'close']) {
      response.on(event, () => {
        this.ended = true;
        this.#wake();
      });
    }
    asked.on('error', () => {});
  }

  get type(): string | undefined {
    return this.#response.headers['content-type'];
  }

  /** The next event of this name that has not been returned yet; others before it are passed over. */
  async next<Name extends keyof Events>(name: Name): Promise<Events[Name]> {
    for (;;) {
      while (this.#unread < this.told.length) {
        const event = this.told[this.#unread++] as Told;
        if (event.name === name) return event.data as Events[Name];
      }
      if (this.ended) throw new Error(`the stream ended before the event ${name}`);
      await this.#more();
    }
  }

  /** Resolves when the server has ended the stream. */
  async end(): Promise<void> {
    while (!this.ended) await this.#more();
  }

  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  leave(): void {
    this.#request.destroy();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #take(text: string): void {
    this.received += Buffer.byteLength(text);
    this.#text += text;
    const blocks = this.#text.split('\n\n');
    this.#text = blocks.pop() as string;
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(': ') + 2)]));
      const [name, data] = [fields.get('event'), fields.get('data')];
      if (name !== undefined && data !== undefined)
        this.told.push({ name: name as keyof Events, data: JSON.parse(data) as Events[keyof Events] });
    }
    this.#wake();
  }
}

/** Waits until something holds, by looking again in each turn of the event loop. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}
