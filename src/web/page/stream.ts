import type { Events, Zoom } from '../events.js';

/** Whether the page is told anything. `paused`: nobody can see it, so nothing is asked. */
export type Connection = 'connecting' | 'live' | 'lost' | 'paused' | 'failed';

export interface StreamListener {
  event<Name extends keyof Events>(name: Name, data: Events[Name]): void;
  connection(state: Connection, message?: string): void;
}

const NAMES: readonly (keyof Events)[] = ['state', 'round', 'maps', 'zoom', 'failed'];
const RETRY_MS = 3000;

/** The events of the server, connected again whenever the connection is lost, and closed while the page cannot be seen. */
export class Stream {
  readonly #listener: StreamListener;
  #source: EventSource | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #wanted: string | undefined;
  #asking = false;

  constructor(listener: StreamListener) {
    this.#listener = listener;
    document.addEventListener('visibilitychange', () => this.#followVisibility());
    // A page that is kept for going back must not hold its connection.
    addEventListener('pagehide', () => this.#close());
    addEventListener('pageshow', () => this.#followVisibility());
    this.#followVisibility();
  }

  /** Says what is in view. Of several that follow each other fast, the last is what counts. */
  view(stream: string, files: readonly number[], zoom: Zoom | undefined): void {
    const close = zoom === undefined ? '' : `&zoom=${zoom.id}:${zoom.offset}:${zoom.cell}:${zoom.count}`;
    this.#wanted = `view?stream=${stream}&files=${files.join()}${close}`;
    if (!this.#asking) void this.#tellView();
  }

  async #tellView(): Promise<void> {
    this.#asking = true;
    while (this.#wanted !== undefined) {
      const url = this.#wanted;
      this.#wanted = undefined;
      // When it fails the stream has been lost too, and the next one is told again.
      await fetch(url, { cache: 'no-store' }).catch(() => {});
    }
    this.#asking = false;
  }

  #followVisibility(): void {
    if (document.visibilityState === 'hidden') {
      this.#close();
      this.#listener.connection('paused');
    } else if (this.#source === undefined) {
      this.#open();
    }
  }

  #open(): void {
    clearTimeout(this.#retry);
    this.#listener.connection('connecting');
    const source = new EventSource('events');
    this.#source = source;
    for (const name of NAMES) {
      source.addEventListener(name, (event) => this.#receive(name, event.data as string));
    }
    source.addEventListener('error', () => {
      if (this.#source !== source) return;
      this.#listener.connection('lost');
      // The browser tries again by itself, unless the server refused.
      if (source.readyState === EventSource.CLOSED) this.#openLater();
    });
  }

  #receive<Name extends keyof Events>(name: Name, text: string): void {
    const data = JSON.parse(text) as Events[Name];
    if (name === 'failed') {
      this.#listener.connection('failed', (data as Events['failed']).message);
      this.#openLater();
      return;
    }
    this.#listener.connection('live');
    this.#listener.event(name, data);
  }

  #openLater(): void {
    this.#close();
    this.#retry = setTimeout(() => this.#followVisibility(), RETRY_MS);
  }

  #close(): void {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = undefined;
  }
}
