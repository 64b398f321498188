import { formatBytes, formatTime } from './format.js';
import { type Painted, repaint } from './painter.js';
import { colours } from './palette.js';
import { Surface } from './surface.js';

/** What was resident from a time on; null where it is not known. */
export type Point = readonly [time: number, resident: number | null];

/** How far back a chart reaches, in ms. */
export const REACH_MS = 300_000;
const LABEL = 16;

/** Resident bytes over the last five minutes: steps, from zero. */
export class Chart implements Painted {
  readonly #surface: Surface;
  readonly #what: string;
  #points: readonly Point[] = [];
  #now = 0;

  constructor(canvas: HTMLCanvasElement, what: string) {
    this.#surface = new Surface(canvas);
    this.#what = what;
    canvas.setAttribute('role', 'img');
    new ResizeObserver(() => repaint(this)).observe(canvas);
  }

  show(points: readonly Point[], now: number): void {
    this.#points = points;
    this.#now = now;
    repaint(this);
    this.#describe();
  }

  paint(): boolean {
    const surface = this.#surface;
    if (this.#now === 0 || !surface.begin()) return false;
    const { context, width } = surface;
    const bottom = surface.height - LABEL;
    const points = this.#inReach();
    const top = niceTop(Math.max(1, ...points.map(([, resident]) => resident ?? 0)));
    const x = (time: number): number => Math.max(0, width - ((this.#now - time) / REACH_MS) * width);
    const y = (resident: number): number => bottom - (resident / top) * (bottom - LABEL);

    const { resident: ink, line, faint } = colours();
    for (const height of [0, 0.5, 1]) surface.fill(line, 0, surface.snap(bottom - height * (bottom - LABEL)), width, 1);
    for (const [from, to, resident] of steps(points, this.#now)) {
      const [left, right, level] = [x(from), x(to), y(resident)];
      context.globalAlpha = 0.18;
      surface.fill(ink, left, level, right - left, bottom - level);
    }
    context.globalAlpha = 1;
    context.strokeStyle = ink;
    context.lineWidth = 1.5;
    context.lineJoin = 'round';
    context.beginPath();
    let before: number | undefined;
    for (const [from, to, resident] of steps(points, this.#now)) {
      if (before !== from) context.moveTo(x(from), y(resident));
      context.lineTo(x(from), y(resident));
      context.lineTo(x(to), y(resident));
      before = to;
    }
    context.stroke();

    context.fillStyle = faint;
    context.font = '11px system-ui, sans-serif';
    context.textBaseline = 'alphabetic';
    context.textAlign = 'left';
    context.fillText(formatBytes(top), 0, LABEL - 5);
    context.fillText('5 min ago', 0, surface.height - 3);
    context.textAlign = 'right';
    context.fillText('now', width, surface.height - 3);
    return false;
  }

  /** Those within reach, and the one before, which still holds at its start. */
  #inReach(): readonly Point[] {
    const first = this.#points.findIndex(([time]) => time > this.#now - REACH_MS);
    return first === -1 ? this.#points.slice(-1) : this.#points.slice(Math.max(0, first - 1));
  }

  #describe(): void {
    const known = this.#inReach().filter((point): point is readonly [number, number] => point[1] !== null);
    const values = known.map(([, resident]) => resident);
    const [first, last] = [known[0], known.at(-1)];
    const words =
      first === undefined || last === undefined
        ? 'nothing is known yet'
        : `${formatBytes(last[1])} now, between ${formatBytes(Math.min(...values))} and ${formatBytes(Math.max(...values))} since ${formatTime(Math.max(first[0], this.#now - REACH_MS))}`;
    this.#surface.canvas.setAttribute('aria-label', `Chart of the bytes of ${this.#what} in memory over the last five minutes: ${words}`);
  }
}

/** Stretches of time in which it stayed the same, those left out in which it was not known. */
function* steps(points: readonly Point[], now: number): Generator<readonly [from: number, to: number, resident: number]> {
  for (const [index, [from, resident]] of points.entries()) {
    if (resident !== null) yield [from, points[index + 1]?.[0] ?? now, resident];
  }
}

/** The next of 1, 2, 3, 4, 6, 8 times a power of two that is a unit or a ten or hundred of it: the top of the scale. */
function niceTop(most: number): number {
  let unit = 1;
  while (unit * 1024 <= most) unit *= 1024;
  for (const tens of [1, 10, 100, 1000]) {
    for (const step of [1, 1.5, 2, 3, 4, 5, 6, 8]) if (step * tens * unit >= most) return step * tens * unit;
  }
  return most;
}
