import { Flashes } from './flashes.js';
import { NONE } from './levels.js';
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
    this.#count = count;
    this.#levels = undefined;
    this.#flashes.clear(count);
    this.arrange(layout);
  }

  /** Lays out the same squares in other rows. */
  arrange(layout: Layout): void {
    this.#layout = layout;
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
    const layout = this.#layout;
    if (layout === undefined || !surface.begin()) return false;
    const flashing = !isStill() && this.#flashes.active(time);
    const { resident, track, came, left } = colours();
    const unknown = this.#levels?.length === 0;
    for (let square = 0; square < this.#count; square++) {
      const { x, y, width, height } = this.#box(square, layout);
      if (unknown) {
        // In one piece a row, so that the hatching does not break.
        if (square % layout.columns === 0) surface.hatch(x, y, width * Math.min(layout.columns, this.#count - square), height);
        continue;
      }
      surface.fill(track, x, y, width, height);
      const filled = heightOf(this.#levels?.[square] ?? NONE, height);
      if (filled > 0) surface.fill(resident, x, y + height - filled, width, filled);
      const strength = flashing ? this.#flashes.strength(square, time) : 0;
      if (strength === 0) continue;
      // It shrinks rather than fades: mixed with what lies below, it would look like something else.
      const thick = Math.max(1, (strength * height) / 2);
      const gained = this.#flashes.gained(square);
      surface.fill(gained ? came : left, x, gained ? y : y + height - thick, width, thick);
    }
    this.#drawLines(layout);
    if (this.#cursor !== undefined) this.#drawCursor(this.#box(this.#cursor, layout));
    return flashing;
  }

  #box(square: number, { columns, rows }: Layout): Box {
    const surface = this.#surface;
    const [column, row] = [square % columns, Math.floor(square / columns)];
    const x = surface.snap((column * surface.width) / columns);
    const y = surface.snap((row * surface.height) / rows);
    const width = surface.snap(((column + 1) * surface.width) / columns) - x;
    const height = surface.snap(((row + 1) * surface.height) / rows) - y;
    return { x, y, width, height };
  }

  /** Between squares, so weakly that stretches of one state stay calm. */
  #drawLines({ columns, rows }: Layout): void {
    const surface = this.#surface;
    const thin = 1 / surface.ratio;
    const { paper } = colours();
    surface.context.globalAlpha = 0.45;
    for (let column = 1; column < columns; column++) {
      surface.fill(paper, surface.snap((column * surface.width) / columns) - thin, 0, thin, surface.height);
    }
    surface.context.globalAlpha = 0.8;
    for (let row = 1; row < rows; row++) surface.fill(paper, 0, surface.snap((row * surface.height) / rows) - thin, surface.width, thin);
    surface.context.globalAlpha = 1;
  }

  #drawCursor({ x, y, width, height }: Box): void {
    const { context } = this.#surface;
    const { text, paper } = colours();
    // Light around dark or dark around light: seen on every ground.
    context.strokeStyle = paper;
    context.lineWidth = 4;
    context.strokeRect(x, y, width - 1, height - 1);
    context.strokeStyle = text;
    context.lineWidth = 2;
    context.strokeRect(x, y, width - 1, height - 1);
  }
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
