import { formatBytes } from './format.js';
import type { Point } from './model.js';
import { type Painted, repaint } from './painter.js';
import { colours } from './palette.js';
import { Surface } from './surface.js';

/** How far back charts reach, in minutes: the least that shows all there is. */
const REACHES = [1, 2, 5, 15];
const LABEL = 16;

/** Resident bytes over the last minutes: steps, from zero. */
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
    const minutes = this.#minutes();
    const points = this.#inReach(minutes);
    const top = niceTop(Math.max(1, ...points.map(([, resident]) => resident ?? 0)) * 1.05);
    const x = (time: number): number => Math.max(0, width - ((this.#now - time) / (minutes * 60_000)) * width);
    const y = (resident: number): number => bottom - (resident / top) * (bottom - LABEL);

    const { resident: ink, line, faint } = colours();
    for (const height of [0, 0.5, 1]) surface.fill(line, 0, surface.snap(bottom - height * (bottom - LABEL)), width, 1);
    context.fillStyle = ink;
    context.strokeStyle = ink;
    context.lineWidth = 1.5;
    context.lineJoin = 'round';
    for (const stretch of stretches(points, this.#now)) {
      const path = new Path2D();
      for (const [from, to, resident] of stretch) {
        path.lineTo(x(from), y(resident));
        path.lineTo(x(to), y(resident));
      }
      context.stroke(path);
      path.lineTo(x(stretch.at(-1)?.[1] ?? 0), bottom);
      path.lineTo(x(stretch[0]?.[0] ?? 0), bottom);
      context.globalAlpha = 0.18;
      context.fill(path);
      context.globalAlpha = 1;
    }

    context.fillStyle = faint;
    context.font = '11px system-ui, sans-serif';
    context.textBaseline = 'alphabetic';
    context.textAlign = 'left';
    context.fillText(formatBytes(top), 0, LABEL - 5);
    context.fillText(`${minutes} min ago`, 0, surface.height - 3);
    context.textAlign = 'right';
    context.fillText('now', width, surface.height - 3);
    return false;
  }

  #minutes(): number {
    const span = this.#now - (this.#points[0]?.[0] ?? this.#now);
    return REACHES.find((minutes) => span <= minutes * 60_000) ?? (REACHES.at(-1) as number);
  }

  /** Those within reach, and the one before, which still holds at its start. */
  #inReach(minutes: number): readonly Point[] {
    const first = this.#points.findIndex(([time]) => time > this.#now - minutes * 60_000);
    return first === -1 ? this.#points.slice(-1) : this.#points.slice(Math.max(0, first - 1));
  }

  #describe(): void {
    const minutes = this.#minutes();
    const known = this.#inReach(minutes).filter((point): point is readonly [number, number] => point[1] !== null);
    const values = known.map(([, resident]) => resident);
    const [last] = values.slice(-1);
    const words =
      last === undefined
        ? 'nothing is known yet'
        : `${formatBytes(last)} now, between ${formatBytes(Math.min(...values))} and ${formatBytes(Math.max(...values))} before`;
    const label = `Chart of the bytes of ${this.#what} in memory, from ${minutes} min ago to now: ${words}`;
    if (this.#surface.canvas.ariaLabel !== label) this.#surface.canvas.ariaLabel = label;
  }
}

type Step = readonly [from: number, to: number, resident: number];

/** Steps that follow each other, cut where it was not known. */
function stretches(points: readonly Point[], now: number): Step[][] {
  const found: Step[][] = [];
  for (const [index, [from, resident]] of points.entries()) {
    if (resident === null) continue;
    const step: Step = [from, points[index + 1]?.[0] ?? now, resident];
    const last = found.at(-1);
    if (last?.at(-1)?.[1] === from) last.push(step);
    else found.push([step]);
  }
  return found;
}

/** The top of the scale: a round number of its unit, at least `most`. */
function niceTop(most: number): number {
  let unit = 1;
  while (unit * 1024 <= most) unit *= 1024;
  for (const tens of [1, 10, 100]) {
    for (const step of [1, 1.5, 2, 3, 4, 5, 6, 8]) if (step * tens * unit >= most) return step * tens * unit;
  }
  return 1024 * unit;
}
