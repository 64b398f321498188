import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FileName } from '../inspect/contract';
import { type Refusal, refusalOf } from './admission';
import type { Asset } from './assets';
import { type CloseLooks, Magnifier } from './close-look';
import type { Inspector } from './inspector';
import { Poll, type PollWatcher } from './poll';
import { beginEvents, refuse, secure, sendAsset, sendNothing } from './responses';
import { Roster } from './roster';
import { EventStream } from './stream';
import { Territory } from './territory';
import { viewOf } from './view';

/** Browsers that watch at once; each one more is told to come again later. */
const MOST_STREAMS = 64;

export interface LivePageOptions {
  /** The least time between two looks, in ms. */
  readonly interval: number;
  /** What looks. */
  readonly inspector: Inspector;
  /** Makes text of a name or message on one line that hides and reorders nothing. */
  readonly printable: (text: FileName) => string;
  /** Is told when looking fails as a whole; the page says so too. */
  readonly onFailure?: (error: unknown) => void;
}

/** A browser that watches. */
interface Watching extends PollWatcher {
  readonly stream: EventStream;
  readonly magnifier: Magnifier;
}

/** Answers every request: the page's own files, the stream of events, and what a browser says it has in view. */
export class LivePage {
  readonly #options: LivePageOptions;
  readonly #assets: ReadonlyMap<string, Asset>;
  readonly #roster: Roster;
  readonly #poll: Poll;
  readonly #closeLooks: CloseLooks;
  readonly #watching = new Map<string, Watching>();

  constructor(paths: readonly (FileName | URL)[], assets: ReadonlyMap<string, Asset>, options: LivePageOptions) {
    const { inspector, interval, printable } = options;
    const roster = new Roster(printable);
    this.#options = options;
    this.#assets = assets;
    this.#roster = roster;
    this.#poll = new Poll(
      paths,
      inspector,
      { interval },
      { take: (round) => roster.take(round), fail: (error) => options.onFailure?.(error) },
    );
    const explain = (error: unknown): string => printable(error instanceof Error ? error.message : String(error));
    this.#closeLooks = { roster, inspector, territory: new Territory(paths), interval, explain, running: 0 };
  }

  respond(request: IncomingMessage, response: ServerResponse): void {
    secure(response);
    const refusal = refusalOf(request) ?? this.#answer(request, response);
    if (refusal !== undefined) refuse(response, refusal);
  }

  /** Ends all looks. Connections are for the server to end. */
  end(): void {
    for (const watching of this.#watching.values()) this.#stop(watching);
  }

  /** Returns why there is no answer, where there is none. */
  #answer(request: IncomingMessage, response: ServerResponse): Refusal | undefined {
    const url = request.url as string;
    const question = url.includes('?') ? url.indexOf('?') : url.length;
    const path = url.slice(0, question);
    if (path === '/events') return this.#watch(request, response);
    if (path === '/view') return this.#setView(new URLSearchParams(url.slice(question)), request, response);
    const asset = this.#assets.get(path);
    if (asset === undefined) return { status: 404, message: 'There is nothing here.' };
    sendAsset(asset, request, response);
    return undefined;
  }

  #watch(request: IncomingMessage, response: ServerResponse): Refusal | undefined {
    if (this.#watching.size >= MOST_STREAMS) {
      return { status: 503, message: `${MOST_STREAMS} browsers are watching already.`, headers: { 'Retry-After': '10' } };
    }
    beginEvents(response);
    if (request.method === 'HEAD') {
      response.end();
      return undefined;
    }
    const stream = new EventStream(this.#roster, response, this.#options.interval);
    const magnifier = new Magnifier(
      this.#closeLooks,
      (look) => stream.setCloseLook(look),
      () => !stream.behind,
    );
    const watching: Watching = {
      stream,
      magnifier,
      look: () => stream.update(),
      fail: (error) => stream.fail(this.#closeLooks.explain(error)),
    };
    this.#watching.set(stream.key, watching);
    response.once('close', () => this.#stop(watching));
    this.#poll.add(watching);
    // Where others watch already, their last look will do.
    stream.update();
    return undefined;
  }

  #stop(watching: Watching): void {
    if (!this.#watching.delete(watching.stream.key)) return;
    watching.magnifier.point(undefined);
    this.#poll.delete(watching);
    if (!this.#poll.running) this.#roster.rest();
  }

  #setView(query: URLSearchParams, request: IncomingMessage, response: ServerResponse): Refusal | undefined {
    const view = viewOf(query);
    if (view === undefined) return { status: 400, message: 'This is no view: see docs/serve.md.' };
    const watching = this.#watching.get(view.stream);
    if (watching === undefined) return { status: 404, message: 'There is no such stream (any more).' };
    if (request.method === 'GET') {
      // A file that has gone a moment ago is no mistake: the stream tells of it.
      watching.stream.setView(view.files);
      watching.magnifier.point(view.zoom);
    }
    sendNothing(response);
    return undefined;
  }
}
