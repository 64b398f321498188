import type { SingleBar } from 'cli-progress';
import type { Progress } from '../inspect/contract';
import { formatBytes } from './format-bytes';
import type { Output } from './output';

/** Seconds over which the rate is averaged, and from one value that is remembered for it to the next. */
const MEMORY = 5;
const STEP = 0.1;
/** A bar as wide as this, beside some 60 characters of figures. */
const LEAST_BAR = 10;
const FIGURES = 64;

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
    const [full, empty] = (environment.unicode ? ['█', '░'] : ['#', '.']) as [string, string];
    const width = Math.max(LEAST_BAR, Math.min(40, environment.columns - FIGURES));
    this.#bar = new Bar({
      format: (_, { progress }, { whole, figures }: Shown) => {
        // Where nobody knows how much there is to do, there is no share of it.
        if (!whole) return figures;
        const done = Math.floor(progress * width);
        const share = `${Math.floor(progress * 100)} %`.padStart(5);
        return `${full.repeat(done)}${empty.repeat(width - done)} ${share}  ${figures}`;
      },
      hideCursor: true,
      clearOnComplete: true,
      stream: process.stderr,
      fps: 10,
    });
  }

  update({ totals }: Progress): void {
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

/** `12 s`, `3:05`, `2:03:05`. */
export function formatTime(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (!Number.isFinite(whole)) return '?';
  if (whole < 60) return `${whole} s`;
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
