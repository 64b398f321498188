import { colours } from './palette.js';

/** A canvas whose bitmap follows its size on the screen. Drawing is in CSS pixels. */
export class Surface {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  width = 0;
  height = 0;
  /** Device pixels in a CSS pixel. */
  ratio = 1;

  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d') as CanvasRenderingContext2D;
  }

  /** Empties it, at the size that it has now. Returns false where it is not to be seen. */
  begin(): boolean {
    const { canvas } = this;
    this.ratio = devicePixelRatio;
    this.width = canvas.clientWidth;
    this.height = canvas.clientHeight;
    if (this.width === 0 || this.height === 0) return false;
    const [width, height] = [Math.round(this.width * this.ratio), Math.round(this.height * this.ratio)];
    // Setting the size clears too, but costs a new bitmap.
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, width, height);
    this.context.scale(this.ratio, this.ratio);
    return true;
  }

  /** The nearest place between device pixels, so that edges are sharp. */
  snap(position: number): number {
    return Math.round(position * this.ratio) / this.ratio;
  }

  fill(colour: string, x: number, y: number, width: number, height: number): void {
    this.context.fillStyle = colour;
    this.context.fillRect(x, y, width, height);
  }

  /** Hatching, which stands for what is not known. */
  hatch(x: number, y: number, width: number, height: number): void {
    const { context } = this;
    const { track, hatch } = colours();
    context.save();
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    this.fill(track, x, y, width, height);
    context.strokeStyle = hatch;
    context.lineWidth = 1.5;
    context.beginPath();
    for (let start = x - height; start < x + width; start += 6) {
      context.moveTo(start, y + height);
      context.lineTo(start + height, y);
    }
    context.stroke();
    context.restore();
  }
}
