import type { SingleBar } from 'cli-progress';
import type { ProgressTotals } from '../inspect/contract';
import { formatBytes } from './format-bytes';
import type { Output } from './output';

/** Seconds over which the rate is averaged, and from one value that is remembered for it to the next. */
const MEMORY = 5;
const STEP = 0.1;
/** A bar beside the figures is so wide, where there is room; a narrower one than the least says nothing. */
const LEAST_BAR = 6;
const MOST_BAR = 40;

/** How far the work has come. */
export type Amounts = Pick<ProgressTotals, 'files' | 'failed' | 'bytes' | 'toDo'>;

interface Shown {
  /** Whether it is known how much there is to do. */
  readonly whole: boolean;
  readonly figures: string;
}

/** One line on stderr that shows how far work on files has come, where a person looks at it; nothing elsewhere. */
export class ProgressBar {
  readonly #bar: SingleBar | undefined;
  #seen: { readonly time: number; readonly bytes: number }[] = [];

  constructor(output: Output, environment: { readonly unicode: boolean; readonly columns: number } = output.narration) {
    if (!output.narration.interactive) return;
    const { SingleBar: Bar } = require('cli-progress') as typeof import('cli-progress');
    this.#bar = new Bar({
      // The window may have changed. The last column stays free: some terminals begin a new line behind it.
      format: (_, { progress }, shown: Shown) =>
        drawBar(progress, shown, (process.stderr.columns ?? environment.columns) - 1, environment.unicode),
      // Ctrl-C ends the process at once: the terminal is left as it was.
      hideCursor: false,
      linewrap: true,
      clearOnComplete: true,
      stream: process.stderr,
      fps: 10,
    });
  }

  update({ totals }: { readonly totals: Amounts }): void {
    const bar = this.#bar;
    if (bar === undefined) return;
    const { bytes, files, failed, toDo } = totals;
    const whole = Math.max(bytes, toDo ?? 0, 1);
    const rate = this.#rate(bytes);
    const figures = [
      toDo === undefined ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(whole)}`,
      rate === undefined ? '' : `${formatBytes(Math.round(rate))}/s`,
      rate && toDo !== undefined ? `${formatTime((whole - bytes) / rate)} left` : '',
      `${files + failed} ${files + failed === 1 ? 'file' : 'files'}`,
    ];
    const payload: Shown = { whole: toDo !== undefined, figures: figures.filter((text) => text !== '').join('  ') };
    if (bar.isActive) bar.setTotal(whole);
    else bar.start(whole, 0, payload);
    bar.update(bytes, payload);
  }

  /** Takes the line away, so that something else can be written. */
  stop(): void {
    this.#bar?.stop();
  }

  /** Bytes a second of late. */
  #rate(bytes: number): number | undefined {
    const time = performance.now() / 1000;
    const last = this.#seen.at(-1);
    if (last === undefined || time - last.time >= STEP) {
      this.#seen = [...this.#seen.filter((one) => one.time > time - MEMORY), { time, bytes }];
    }
    const [first] = this.#seen;
    return first === undefined || time - first.time < 0.5 ? undefined : (bytes - first.bytes) / (time - first.time);
  }
}

/** A line of at most so many columns. */
export function drawBar(progress: number, { whole, figures }: Shown, columns: number, unicode: boolean): string {
  // Where nobody knows how much there is to do, there is no share of it.
  if (!whole) return figures.slice(0, columns);
  const line = `${`${Math.floor(progress * 100)} %`.padStart(5)}  ${figures}`;
  const width = Math.min(MOST_BAR, columns - line.length - 1);
  if (width < LEAST_BAR) return line.slice(0, columns);
  const [full, empty] = (unicode ? ['█', '░'] : ['#', '.']) as [string, string];
  const done = Math.floor(progress * width);
  return `${full.repeat(done)}${empty.repeat(width - done)} ${line}`;
}

/** `12 s`, `3:05`, `2:03:05`. */
export function formatTime(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (!Number.isFinite(whole)) return '?';
  if (whole < 60) return `${whole} s`;
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
