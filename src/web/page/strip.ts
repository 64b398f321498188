import { Flashes } from './flashes.js';
import { ALL, NONE } from './levels.js';
import { forget, isStill, type Painted, repaint } from './painter.js';
import { colours } from './palette.js';
import { Surface } from './surface.js';

/** Room above and below the map for marks, and how thick these are, in CSS pixels. */
const MARGIN = 4;
const MARK = 2;
/** The widest that a cell is drawn: the map of a file of few pages is a short one. */
const WIDEST_CELL = 16;
/** How high a cell is filled at least of which a little is in memory, so that it is seen. */
const LEAST_HEIGHT = 3;

/** The map of a whole file in one line, from its start to its end. Cells are filled from below; over them are marked those that gained pages, under them those that lost some. */
export class Strip implements Painted {
  readonly canvas = document.createElement('canvas');
  readonly #surface = new Surface(this.canvas);
  readonly #flashes = new Flashes();
  #levels: Uint8Array | undefined;
  /** The part of the file that is looked at closely, as shares of it. */
  #part: readonly [from: number, to: number] | undefined;

  constructor() {
    this.canvas.setAttribute('role', 'img');
  }

  /** Shows this map; an empty one is not known, and with none there is nothing to show yet. Flashes where it differs from the one before. */
  show(levels: Uint8Array | undefined): void {
    if (levels === this.#levels) return;
    if (levels === undefined) this.#flashes.clear(0);
    else this.#flashes.note(this.#levels, levels, performance.now());
    this.#levels = levels;
    repaint(this);
  }

  /** Frames a part of the map. */
  frame(part: readonly [from: number, to: number] | undefined): void {
    this.#part = part;
    repaint(this);
  }

  forget(): void {
    forget(this);
  }

  paint(time: number): boolean {
    const surface = this.#surface;
    const levels = this.#levels;
    if (levels === undefined || !surface.begin()) return false;
    const { height } = surface;
    const width = Math.min(surface.width, levels.length * WIDEST_CELL);
    const inner = height - 2 * MARGIN;
    if (levels.length === 0) {
      surface.hatch(0, MARGIN, surface.width, inner);
      return false;
    }
    const { resident, track, came, left, text } = colours();
    const flashing = !isStill() && this.#flashes.active(time);
    const gap = width / levels.length >= 6 ? 1 : 0;
    for (let cell = 0; cell < levels.length; cell++) {
      const level = levels[cell] as number;
      const x = surface.snap((cell * width) / levels.length);
      const across = Math.max(1 / surface.ratio, surface.snap(((cell + 1) * width) / levels.length) - x - gap);
      surface.fill(track, x, MARGIN, across, inner);
      const filled = heightOf(level, inner);
      if (filled > 0) surface.fill(resident, x, MARGIN + inner - filled, across, filled);
      const strength = flashing ? this.#flashes.strength(cell, time) : 0;
      if (strength === 0) continue;
      const gained = this.#flashes.gained(cell);
      surface.context.globalAlpha = strength;
      surface.fill(gained ? came : left, x, gained ? 0 : height - MARK, across, MARK);
      surface.context.globalAlpha = 1;
    }
    if (this.#part !== undefined) this.#drawFrame(this.#part, width, text);
    return flashing;
  }

  #drawFrame([from, to]: readonly [number, number], width: number, colour: string): void {
    const { context, height } = this.#surface;
    const across = Math.max(4, (to - from) * width);
    const x = Math.min(width - across, from * width);
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.strokeRect(x + 0.75, 1.75, across - 1.5, height - 3.5);
  }
}

/** How high a cell is filled. Like the level, it is nothing or everything only where that is exactly true. */
export function heightOf(level: number, height: number): number {
  if (level === NONE || level === ALL) return level === ALL ? height : 0;
  return Math.min(height - 2, Math.max(LEAST_HEIGHT, (level / ALL) * height));
}
