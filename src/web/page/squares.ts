import { Flashes } from './flashes.js';
import { isStill, type Painted, repaint } from './painter.js';
import { colours } from './palette.js';
import { heightOf } from './strip.js';
import { Surface } from './surface.js';
import type { Layout } from './zoom.js';

/** A close look as squares in rows, read as text is. Each is filled from below by its share in memory; one that gained pages has a bar over it, one that lost some a bar under it. */
export class Squares implements Painted {
  readonly canvas = document.createElement('canvas');
  readonly #surface = new Surface(this.canvas);
  readonly #flashes = new Flashes();
  #layout: Layout | undefined;
  #count = 0;
  #levels: Uint8Array | undefined;
  #cursor: number | undefined;

  constructor() {
    this.canvas.setAttribute('role', 'img');
  }

  /** Lays out `count` squares of which nothing is known yet. */
  lay(layout: Layout, count: number): void {
    this.#layout = layout;
    this.#count = count;
    this.#levels = undefined;
    this.#flashes.clear(count);
    repaint(this);
  }

  /** What is in memory of them; empty where it is not known. */
  show(levels: Uint8Array): void {
    this.#flashes.note(this.#levels, levels, performance.now());
    this.#levels = levels;
    repaint(this);
  }

  /** Marks one square. */
  point(cursor: number | undefined): void {
    this.#cursor = cursor;
    repaint(this);
  }

  get levels(): Uint8Array | undefined {
    return this.#levels;
  }

  /** The square at this place of the canvas. */
  squareAt(x: number, y: number): number | undefined {
    if (this.#layout === undefined) return undefined;
    const { columns, rows } = this.#layout;
    const column = Math.floor((x / this.canvas.clientWidth) * columns);
    const row = Math.floor((y / this.canvas.clientHeight) * rows);
    const square = row * columns + column;
    return column >= 0 && column < columns && row >= 0 && square < this.#count ? square : undefined;
  }

  paint(time: number): boolean {
    const surface = this.#surface;
    if (this.#layout === undefined || !surface.begin()) return false;
    const { columns, rows } = this.#layout;
    const { resident, track, came, left, text } = colours();
    const [across, down] = [surface.width / columns, surface.height / rows];
    const gap = across >= 5 ? 1 : 0;
    const flashing = !isStill() && this.#flashes.active(time);
    if (this.#levels?.length === 0) {
      for (let row = 0; row * columns < this.#count; row++) {
        surface.hatch(0, row * down, Math.min(columns, this.#count - row * columns) * across, down - gap);
      }
    }
    for (let square = 0; square < this.#count; square++) {
      const [column, row] = [square % columns, Math.floor(square / columns)];
      const x = surface.snap(column * across);
      const y = surface.snap(row * down);
      const width = surface.snap((column + 1) * across) - x - gap;
      const height = surface.snap((row + 1) * down) - y - gap;
      if (this.#levels?.length !== 0) {
        surface.fill(track, x, y, width, height);
        const filled = heightOf(this.#levels?.[square] ?? 0, height);
        if (filled > 0) surface.fill(resident, x, y + height - filled, width, filled);
        const strength = flashing ? this.#flashes.strength(square, time) : 0;
        if (strength > 0) {
          const gained = this.#flashes.gained(square);
          const thick = Math.max(2, height / 2);
          surface.context.globalAlpha = strength;
          surface.fill(gained ? came : left, x, gained ? y : y + height - thick, width, thick);
          surface.context.globalAlpha = 1;
        }
      }
      if (square === this.#cursor) {
        surface.context.strokeStyle = text;
        surface.context.lineWidth = 2;
        surface.context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
      }
    }
    return flashing;
  }
}
