import { onAbort } from '../file/cancelling';
import type { GetOptions } from '../file/contract';
import type { MappedFile } from '../file/mapped-file';
import type { ThreadReading } from '../file/thread-reading';
import { addon, type NativeEvaluation, type NativeOutcome, type NativeScan, type NativeStep } from '../native';
import { LOOK } from '../native/bitmap';
import { damaged } from './damage';
import { loopsTurn } from './slices';

export const TOO_MANY_RUNS = 'a container of runs has more of them than there is room for';

/** What is done at once: bytes, containers and places in headers of a scan's one step, and its ranges. */
const AT_ONCE = { bytes: 8 * 2 ** 20, containers: 1024, places: 8192, ranges: 512 };

export interface EvaluationOptions extends GetOptions {
  /** The caller may soon have enough: the first steps are small, and few are under way. */
  readonly impatient?: boolean;
  /** Of the goal `extreme`. */
  readonly least?: boolean;
}

/**
 * Carries a scan out: the addon's threads read what each of its steps needs and combine it. `files` are those that the scan's bitmaps lie in; nobody else may use
 * the scan.
 */
export class Evaluation {
  readonly #files: readonly MappedFile[];
  readonly #scan: NativeScan;
  readonly #options: EvaluationOptions;
  #reading: readonly ThreadReading[] = [];
  #native: NativeEvaluation | undefined;
  #cancelled: Promise<void> | undefined;
  /** Why it has ended before its time. */
  #reason: { readonly error: unknown } | undefined;
  /** Who waits for something to change. */
  #wake = (): void => {};
  /** Kept here: the addon does not, as long as it has nothing to tell. */
  readonly #changed = (): void => {
    if (this.#cancelled) return;
    if (!this.#making) void this.#makeWindows();
    this.#wake();
  };
  #making = false;

  constructor(files: readonly MappedFile[], scan: NativeScan, options: EvaluationOptions = {}) {
    this.#files = files;
    this.#scan = scan;
    this.#options = options;
  }

  /** Ends it: what is waited for rejects with the reason. Resolves when no thread reads the files' windows for it any more. */
  async abort(reason: unknown): Promise<void> {
    this.#reason ??= { error: reason };
    this.#wake();
    await this.#cancel();
  }

  /** All steps in order, each when it is complete; of goals whose outcome is numbers, all as one. Who stops taking them must return the iterator, as `for await` does. */
  async *steps(): AsyncGenerator<NativeOutcome, void, undefined> {
    const { signal, priority, impatient = false, least = false } = this.#options;
    signal?.throwIfAborted();
    this.#throwIfOver();
    const uncancel = signal && onAbort(signal, () => void this.abort(signal.reason));
    let ended = false;
    try {
      this.#reading = this.#files.map((file) => file.threadReading());
      const files = this.#reading.map(({ native }) => native);
      const { Evaluation: Native, Step } = addon();
      const native = new Native(this.#scan, files, this.#changed, priority === 'scan', impatient, least);
      this.#native = native;
      for (;;) {
        const found = native.look();
        if (found === LOOK.step) yield new Step(native);
        else if (found === LOOK.failed) throw this.#failure(native);
        else if (found === LOOK.waiting) await new Promise<void>((resolve) => (this.#wake = resolve));
        else break;
        this.#throwIfOver();
      }
      ended = true;
    } finally {
      uncancel?.();
      this.#tellMissed();
      // It holds its files.
      if (ended) void this.#cancel();
      else await this.abort(undefined);
    }
  }

  #tellMissed(): void {
    const missed = this.#cancelled ? undefined : this.#native?.missed();
    for (const [i, reading] of this.#reading.entries()) reading.missed(missed?.[2 * i] ?? 0, missed?.[2 * i + 1] ?? 0);
  }

  #cancel(): Promise<void> | undefined {
    this.#cancelled ??= this.#native?.cancel();
    return this.#cancelled;
  }

  #throwIfOver(): void {
    if (this.#reason) throw this.#reason.error;
  }

  #failure(native: NativeEvaluation): unknown {
    const failure = native.failure();
    if (failure === undefined) return this.#reason?.error;
    const { path } = this.#files[failure.file] as MappedFile;
    return (this.#reading[failure.file] as ThreadReading).error(failure) ?? damaged(path, failure.offset, TOO_MANY_RUNS);
  }

  async #makeWindows(): Promise<void> {
    this.#making = true;
    try {
      for (;;) {
        const wanted = (this.#native as NativeEvaluation).wanted();
        if (wanted.length === 0) return;
        for (const [number, reading] of this.#reading.entries()) {
          const starts: number[] = [];
          for (let i = 0; i < wanted.length; i += 2) if (wanted[i] === number) starts.push(wanted[i + 1] as number);
          await reading.makeWindows(starts);
        }
        if (this.#cancelled) return;
        (this.#native as NativeEvaluation).windowsMade();
      }
    } catch (error) {
      await this.abort(error);
    } finally {
      this.#making = false;
    }
  }
}

/** All steps of a scan as they are planned, none of which is carried out. */
export async function* planned(scan: NativeScan, { signal }: GetOptions): AsyncGenerator<NativeStep, void, undefined> {
  for (let last = false; !last; ) {
    signal?.throwIfAborted();
    const step: NativeStep = new (addon().Step)(scan);
    last = step.last;
    yield step;
    const turn = loopsTurn();
    if (turn) await turn;
  }
}

/**
 * The outcome of a scan, now, if it is one step that takes no more than so much work (ns, as estimated) and everything is in memory; else undefined, and the scan is
 * used up. Reads nothing. Throws `BAD_FORMAT`.
 */
export function outcomeNow(files: readonly MappedFile[], scan: NativeScan, work: number, least = false): NativeOutcome | undefined {
  const step = new (addon().Step)(scan, AT_ONCE.bytes, AT_ONCE.containers, AT_ONCE.places, least);
  const { ranges } = step;
  if (!step.last || ranges.length > 3 * AT_ONCE.ranges || step.work > work) return undefined;
  for (let range = 0; 3 * range < ranges.length; range++) {
    const file = files[ranges[3 * range] as number] as MappedFile;
    const bytes = file.tryRange(ranges[3 * range + 1] as number, ranges[3 * range + 2] as number);
    if (bytes === undefined) return undefined;
    step.arrive(range, bytes);
  }
  step.combine();
  if (step.disturbed()) return undefined;
  for (const [file, end] of endsOf(ranges)) (files[file] as MappedFile).assertReaches(end);
  const [file, offset] = step.damage() ?? [];
  if (file !== undefined) throw damaged((files[file] as MappedFile).path, offset as number, TOO_MANY_RUNS);
  return step;
}

/** Where the last of the ranges ends, by file. */
function endsOf(ranges: Float64Array): Map<number, number> {
  const ends = new Map<number, number>();
  for (let i = 0; i < ranges.length; i += 3) {
    const file = ranges[i] as number;
    ends.set(file, Math.max(ends.get(file) ?? 0, (ranges[i + 1] as number) + (ranges[i + 2] as number)));
  }
  return ends;
}
