import { onAbort } from '../file/cancelling';
import type { GetOptions, PageSet } from '../file/contract';
import type { MappedFile } from '../file/mapped-file';
import { addon, type NativeScan, type NativeStep } from '../native';
import { damaged } from './damage';
import { FIRST_STEP, flightOf, LARGEST_STEP, STEP, STEPS } from './in-flight';
import type { Room } from './room';
import { loopsTurn } from './slices';

/** Bounds of a step: containers that it needs, rows that may come out, places in headers that are looked at for it. */
const CONTAINERS = 2048;
const ROWS = 2 ** 20;
const PLACES = 4096;

/** Bytes of the first step where the caller may soon have enough. */
const FEW_BYTES = 128 * 2 ** 10;

/** Work that is done on the loop, in ns as estimated. */
const HERE = 100_000;

export const TOO_MANY_RUNS = 'a container of runs has more of them than there is room for';

export interface EvaluationOptions extends GetOptions {
  /** The caller may soon have enough: the first steps are small, and few are in flight. */
  readonly impatient?: boolean;
  /** Of the goal `extreme`. */
  readonly least?: boolean;
}

/** Carries a scan out: asks for what each step needs, and has it combined as it arrives. `files` are those that the scan's bitmaps lie in. */
export class Evaluation {
  readonly #files: readonly MappedFile[];
  readonly #scan: NativeScan;
  readonly #options: EvaluationOptions;
  readonly #asking: GetOptions;
  readonly #controller = new AbortController();
  /** Steps that are being carried out. */
  readonly #under = new Set<NativeStep>();
  readonly #work = new Set<Promise<void>>();
  readonly #flight: Room;
  #bytes: number;
  #depth: number;
  #ended = false;
  /** All of the last step was in memory when it was asked for. */
  #resident = false;

  constructor(files: readonly MappedFile[], scan: NativeScan, options: EvaluationOptions = {}) {
    this.#files = files;
    this.#scan = scan;
    this.#options = options;
    this.#asking = { signal: this.#controller.signal, reader: 'thread', ...(options.priority && { priority: options.priority }) };
    this.#flight = flightOf(files[0] as MappedFile, options.priority ?? 'interactive');
    this.#bytes = options.impatient ? FEW_BYTES : FIRST_STEP;
    this.#depth = options.impatient ? 1 : STEPS;
  }

  /** Ends it: what is waited for rejects with the reason. Resolves when no thread reads the files' windows for it any more. */
  async abort(reason: unknown): Promise<void> {
    this.#controller.abort(reason);
    for (const step of this.#under) step.cancel();
    await Promise.all(this.#work);
  }

  /** The next step; undefined when there is none. */
  plan(): NativeStep | undefined {
    if (this.#ended) return undefined;
    const bytes = this.#bytes;
    const step = new (addon().Step)(
      this.#scan,
      bytes,
      CONTAINERS,
      this.#options.impatient ? bytes / 4 : ROWS,
      PLACES,
      (this.#files[0] as MappedFile).pageSize,
      this.#options.least === true,
    );
    this.#ended = step.last;
    if (this.#options.impatient) this.#bytes = Math.min(2 * bytes, STEP);
    // What has been in memory is read as fast as steps can be made: in fewer of them, and larger ones, if it goes on like that.
    else this.#bytes = this.#resident && bytes >= STEP ? LARGEST_STEP : STEP;
    return step;
  }

  /** All steps as they are planned, none of which is carried out. */
  async *planned(): AsyncGenerator<NativeStep, void, undefined> {
    for (let step = this.plan(); step !== undefined; step = this.plan()) {
      yield step;
      const turn = this.#turn();
      if (turn) await turn;
    }
  }

  /** All steps in order, each when it is complete. Who stops taking them must return the iterator, as `for await` does. */
  async *steps(): AsyncGenerator<NativeStep, void, undefined> {
    const { signal } = this.#options;
    const uncancel = signal && onAbort(signal, () => void this.abort(signal.reason));
    const flight: { step: NativeStep; done: Promise<void> }[] = [];
    try {
      signal?.throwIfAborted();
      for (let first = true; ; first = false) {
        while (flight.length < this.#depth && !this.#ended) {
          // Whoever has a step under way does not wait for a place, so that what is complete goes on its way.
          if (!first && !this.#flight.now()) {
            if (flight.length > 0) break;
            await this.#flight.later(this.#controller.signal);
          }
          const step = await this.#next(first);
          if (step === undefined) break;
          flight.push({ step, done: this.#begin(step, first) });
          first = false;
        }
        this.#depth = Math.min(this.#depth + 1, STEPS);
        const next = flight[0];
        if (next === undefined) return;
        await next.done;
        flight.shift();
        yield next.step;
      }
    } catch (error) {
      // What else is in flight is for nobody any more.
      await this.abort(error);
      throw error;
    } finally {
      uncancel?.();
      if (flight.length > 0) await this.abort(undefined);
    }
  }

  /** The next step, for which there is a place. */
  async #next(first: boolean): Promise<NativeStep | undefined> {
    let step: NativeStep | undefined;
    try {
      const turn = this.#turn();
      if (turn) await turn;
      step = this.plan();
      return step;
    } finally {
      if (step === undefined && !first) this.#flight.giveBack();
    }
  }

  #begin(step: NativeStep, first: boolean): Promise<void> {
    const done = this.#carryOut(step);
    this.#under.add(step);
    const over = (): void => {
      if (!first) this.#flight.giveBack();
      this.#under.delete(step);
      this.#work.delete(work);
    };
    const work = done.then(over, over);
    this.#work.add(work);
    return done;
  }

  async #carryOut(step: NativeStep): Promise<void> {
    for (;;) {
      await this.#combine(step);
      if (!step.disturbed()) break;
      // Somebody's pages were covered. If some of these were, asking for them again says so.
      step.restart();
    }
    for (const [file, end] of endsOf(step.ranges)) (this.#files[file] as MappedFile).assertReaches(end);
    const [file, offset] = step.damage() ?? [];
    if (file !== undefined) {
      throw damaged((this.#files[file] as MappedFile).path, offset as number, TOO_MANY_RUNS);
    }
  }

  async #combine(step: NativeStep): Promise<void> {
    const combining = new Combining(step);
    const waits: Promise<void>[] = [];
    // What was resident is only for as long as nothing has been waited for.
    let waited = false;
    try {
      for (const { file, first, ranges } of vectors(step.ranges)) {
        if (first > 0) {
          const turn = this.#turn();
          if (turn) await turn;
          waited = true;
        }
        const set = (this.#files[file] as MappedFile).getRanges(ranges, this.#asking);
        if (set.complete) combining.take(set, first);
        else waits.push(receive(set, first, combining));
      }
      this.#resident = waits.length === 0;
      // Where more is to come, that is begun with while a thread combines this.
      if (!waited && waits.length === 0 && step.last && step.work <= HERE) {
        this.#controller.signal.throwIfAborted();
        step.combine();
        return;
      }
      await Promise.all(waits);
      await combining.finish();
      this.#controller.signal.throwIfAborted();
    } catch (error) {
      step.cancel();
      // The others of its entries fail with it, and are not waited for.
      this.#controller.abort(error);
      await Promise.allSettled(waits);
      await combining.stop();
      throw error;
    }
  }

  /** What to wait for when the event loop has been held for long enough. */
  #turn(): Promise<void> | undefined {
    this.#controller.signal.throwIfAborted();
    return loopsTurn()?.then(() => this.#controller.signal.throwIfAborted());
  }
}

/** The chunks of one step that are combined on a thread. */
class Combining {
  readonly #step: NativeStep;
  /** The memory of windows that the bytes lie in. */
  readonly #held: ArrayBuffer[] = [];
  #running: Promise<void> | undefined;

  constructor(step: NativeStep) {
    this.#step = step;
  }

  /** Takes a set whose entries have arrived. They are for a thread: that stays so, whether or not they leave memory. */
  take(set: PageSet, first: number): void {
    const { memory, which, offset } = set.places();
    for (const one of memory) if (!this.#held.includes(one)) this.#held.push(one);
    this.#step.arriveAll(first, memory, which, offset);
  }

  /** Everything has arrived: resolves when all of it has been combined, or it was cancelled. */
  async finish(): Promise<void> {
    if (this.#step.complete()) return;
    this.#running = this.#step.combineOnThread(this.#held);
    await this.#running;
  }

  /** Resolves when no thread works on it. */
  async stop(): Promise<void> {
    await this.#running?.catch(() => {});
  }
}

/** Takes them when they have arrived. */
async function receive(set: PageSet, first: number, combining: Combining): Promise<void> {
  await set.arrived;
  const turn = loopsTurn();
  if (turn) await turn;
  combining.take(set, first);
}

/** Where the last of the ranges ends, by file. */
export function endsOf(ranges: Float64Array): Map<number, number> {
  const ends = new Map<number, number>();
  let file = -1;
  let end = 0;
  for (let i = 0; i < ranges.length; i += 3) {
    if (ranges[i] !== file) {
      file = ranges[i] as number;
      end = ends.get(file) ?? 0;
    }
    const next = (ranges[i + 1] as number) + (ranges[i + 2] as number);
    if (next <= end) continue;
    end = next;
    ends.set(file, end);
  }
  return ends;
}

/** Ranges as they are asked for: those of one file each, offset and length in turn. */
function* vectors(ranges: Float64Array): Generator<{ file: number; first: number; ranges: Float64Array }> {
  const count = ranges.length / 3;
  for (let first = 0; first < count; ) {
    const file = ranges[3 * first] as number;
    let end = first + 1;
    while (end < count && ranges[3 * end] === file) end++;
    const some = new Float64Array(2 * (end - first));
    for (let i = first; i < end; i++) {
      some[2 * (i - first)] = ranges[3 * i + 1] as number;
      some[2 * (i - first) + 1] = ranges[3 * i + 2] as number;
    }
    yield { file, first, ranges: some };
    first = end;
  }
}
