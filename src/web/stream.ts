import { randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';
import type { CloseLook } from './close-look';
import type { Events, MapChange, Zoom } from './events';
import { mapChange } from './levels';
import type { Roster } from './roster';

/** How long a browser may leave what it was sent unread before its connection is closed; it connects again when it wakes. */
const PATIENCE_MS = 60_000;

/**
 * The events of one browser. It is always told the difference between what it knows and what is: while it does not read, nothing is sent and nothing is kept for it, and
 * what it missed is one difference afterwards. So it costs the server one event of each kind and the maps in its view, however slow it is.
 */
export class EventStream {
  /** Names this stream in `/view`; cannot be guessed. */
  readonly key = randomBytes(18).toString('base64url');
  readonly #roster: Roster;
  readonly #out: Writable;
  readonly #interval: number;
  #view: readonly number[] = [];
  /** The maps that it was told, of the files in view. */
  #told = new Map<number, Uint8Array>();
  /** The looks that it was told of, figures and maps, and the list of files; 0 where it knows nothing. */
  #figures = 0;
  #maps = 0;
  #list = 0;
  #close: CloseLook | undefined;
  #toldClose: CloseLook | undefined;
  #behind: NodeJS.Timeout | undefined;

  /** Writes to `out`, and destroys it when nobody reads. */
  constructor(roster: Roster, out: Writable, interval: number) {
    this.#roster = roster;
    this.#out = out;
    this.#interval = interval;
    out.on('drain', () => {
      clearTimeout(this.#behind);
      this.#behind = undefined;
      this.update();
    });
    out.once('close', () => clearTimeout(this.#behind));
  }

  /** Whether what it was sent last still waits to be read. */
  get behind(): boolean {
    return this.#behind !== undefined || this.#out.destroyed || this.#out.writableEnded;
  }

  /** From now on these files are in view. */
  setView(files: readonly number[]): void {
    this.#view = files;
    const inView = new Set(files);
    for (const id of this.#told.keys()) if (!inView.has(id)) this.#told.delete(id);
    this.#maps = 0;
    this.update();
  }

  /** What a close look found; the one before is of no interest any more. */
  setCloseLook(close: CloseLook): void {
    this.#close = close;
    this.update();
  }

  /** Tells what is new since it was told last. */
  update(): void {
    const roster = this.#roster;
    if (!roster.known) return;
    if (!this.behind && this.#figures !== roster.looks) this.#tellFigures();
    if (!this.behind && this.#maps !== roster.looks) this.#tellMaps();
    if (!this.behind && this.#close !== this.#toldClose) this.#tellCloseLook(this.#close as CloseLook);
  }

  fail(message: string): void {
    if (!this.behind) this.#send('failed', { message });
    this.#out.end();
  }

  #tellFigures(): void {
    const { looks, lists, run, history, time, totals } = this.#roster;
    const [known, list] = [this.#figures, this.#list];
    this.#figures = looks;
    this.#list = lists;
    if (known > 0 && list === lists) {
      this.#send('round', { time, totals, changed: this.#roster.changedSince(known) });
      return;
    }
    const [stream, interval, files] = [this.key, this.#interval, this.#roster.rows()];
    this.#send('state', { run, stream, interval, time, totals, history, files });
  }

  #tellMaps(): void {
    this.#maps = this.#roster.looks;
    const maps: MapChange[] = [];
    for (const id of this.#view) {
      if (!this.#roster.has(id)) continue;
      const levels = this.#roster.levels(id) ?? new Uint8Array(0);
      const change = mapChange(id, this.#told.get(id), levels);
      if (change !== undefined) maps.push(change);
      this.#told.set(id, levels);
    }
    if (maps.length > 0) this.#send('maps', { maps });
  }

  #tellCloseLook(close: CloseLook): void {
    const told = this.#toldClose;
    this.#toldClose = close;
    const { zoom, time, resident, error, levels } = close;
    if (error !== undefined) {
      this.#send('zoom', { ...zoom, time, resident, error });
      return;
    }
    const map = mapChange(zoom.id, sameZoom(told, zoom) ? told?.levels : undefined, levels);
    this.#send('zoom', { ...zoom, time, resident, ...(map === undefined ? {} : { map }) });
  }

  /** Must not be called while it is behind. */
  #send<Name extends keyof Events>(name: Name, data: Events[Name]): void {
    // JSON has no line breaks of its own, so one line of data is enough.
    if (this.#out.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)) return;
    this.#behind = setTimeout(() => this.#out.destroy(), PATIENCE_MS).unref();
  }
}

function sameZoom(told: CloseLook | undefined, { id, offset, cell, count }: Zoom): boolean {
  if (told?.error !== undefined) return false;
  const zoom = told?.zoom;
  return zoom !== undefined && zoom.id === id && zoom.offset === offset && zoom.cell === cell && zoom.count === count;
}
