import { setTimeout as pause } from 'node:timers/promises';
import type { Zoom } from './events';
import type { Inspector } from './inspector';
import { levelsOfZoom } from './levels';
import type { Roster } from './roster';
import type { Territory } from './territory';

/** Of one processor, for the close looks of all browsers together: what has cost more is followed by a longer pause. */
const SHARE = 0.03;

/** What of a zoom is in memory, or why that is not known. */
export interface CloseLook {
  readonly zoom: Zoom;
  readonly time: number;
  readonly resident: number;
  /** Undefined where the kernel does not tell. */
  readonly levels: Uint8Array | undefined;
  readonly error?: string;
}

/** What close looks of all browsers share. */
export interface CloseLooks {
  readonly roster: Roster;
  readonly inspector: Inspector;
  readonly territory: Territory;
  readonly interval: number;
  /** Makes text of an error on one line that hides and reorders nothing. */
  readonly explain: (error: unknown) => string;
  /** How many browsers look closely now. */
  running: number;
}

/** Looks at one part of one file again and again, page by page, for one browser. One question is on its way at a time. */
export class Magnifier {
  readonly #shared: CloseLooks;
  readonly #tell: (look: CloseLook) => void;
  readonly #wanted: () => boolean;
  #zoom: Zoom | undefined;
  #changed = new AbortController();
  #running = false;

  /** `tell` is given each look; while `wanted` says no, none is taken. */
  constructor(shared: CloseLooks, tell: (look: CloseLook) => void, wanted: () => boolean) {
    this.#shared = shared;
    this.#tell = tell;
    this.#wanted = wanted;
  }

  /** Looks at this part from now on; at nothing without one. */
  point(zoom: Zoom | undefined): void {
    this.#zoom = zoom;
    this.#changed.abort();
    this.#changed = new AbortController();
    if (zoom !== undefined && !this.#running) void this.#run();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const shared = this.#shared;
    this.#running = true;
    shared.running += 1;
    while (this.#zoom !== undefined) {
      const { signal } = this.#changed;
      const start = performance.now();
      if (this.#wanted()) {
        const look = await lookAt(this.#zoom, shared);
        if (!signal.aborted) this.#tell(look);
      }
      const rest = ((performance.now() - start) * shared.running) / SHARE;
      // Rejects when the browser points at something else.
      await pause(Math.max(shared.interval, rest), undefined, { signal, ref: false }).catch(() => {});
    }
    this.#running = false;
    shared.running -= 1;
  }
}

async function lookAt(zoom: Zoom, { roster, inspector, territory, explain }: CloseLooks): Promise<CloseLook> {
  const nothing = { zoom, resident: 0, levels: undefined };
  try {
    const file = roster.file(zoom.id);
    if (file === undefined) return { ...nothing, time: Date.now(), error: 'The file is not there any more.' };
    if (file.error !== undefined) throw file.error;
    const length = Math.min(zoom.cell * zoom.count, file.size - zoom.offset);
    if (length <= 0) return { zoom, time: Date.now(), resident: 0, levels: new Uint8Array(zoom.count) };
    await territory.check(file.path);
    const map = await inspector.residencyOf(file.path, { offset: zoom.offset, length });
    const known = map.unknownBytes === 0;
    const levels = known ? await levelsOfZoom(map, zoom, file.size) : undefined;
    return { zoom, time: Date.now(), resident: map.residentBytes, levels };
  } catch (error) {
    return { ...nothing, time: Date.now(), error: explain(error) };
  }
}
