import { onAbort } from '../file/cancelling';
import type { ByteRange, GetOptions, PageSet } from '../file/contract';
import type { MappedFile } from '../file/mapped-file';
import { addon, type NativeScan, type NativeStep } from '../native';
import { damaged } from './damage';
import { joinScans, shareOfFlight } from './in-flight';
import { loopsTurn } from './slices';
import { inTurn } from './threads';

/** Bounds of a step: containers that it needs, rows that may come out, places in headers that are looked at for it. */
const CONTAINERS = 1024;
const ROWS = 2 ** 20;
const PLACES = 4096;

/** Bytes of the first step where the caller may soon have enough. */
const FIRST_BYTES = 128 * 2 ** 10;

/** Ranges that are asked for in one vector. */
const AT_ONCE = 64;

/** Work that is done on the loop, in ns as estimated. */
const HERE = 100_000;

/** Chunks that have become ready while others are on their way, before a thread combines them. */
const GATHERED = 32;

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
  #bytes: number;
  #depth: number;
  #ended = false;

  constructor(files: readonly MappedFile[], scan: NativeScan, options: EvaluationOptions = {}) {
    this.#files = files;
    this.#scan = scan;
    this.#options = options;
    this.#asking = { signal: this.#controller.signal, reader: 'thread', ...(options.priority && { priority: options.priority }) };
    this.#bytes = options.impatient ? FIRST_BYTES : Infinity;
    this.#depth = options.impatient ? 1 : Infinity;
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
    const bytes = Math.min(this.#bytes, shareOfFlight().bytes);
    const step = new (addon().Step)(
      this.#scan,
      bytes,
      CONTAINERS,
      this.#options.impatient ? bytes / 4 : ROWS,
      PLACES,
      (this.#files[0] as MappedFile).pageSize,
      this.#options.least === true,
    );
    this.#ended = step.ended;
    this.#bytes *= 2;
    return step.ended ? undefined : step;
  }

  /** All steps as they are planned, none of which is carried out. */
  async *planned(): AsyncGenerator<NativeStep, void, undefined> {
    for (let step = this.plan(); step !== undefined; step = this.plan()) {
      yield step;
      await this.#pause();
    }
  }

  /** All steps in order, each when it is complete. Who stops taking them must return the iterator, as `for await` does. */
  async *steps(): AsyncGenerator<NativeStep, void, undefined> {
    const { signal } = this.#options;
    const uncancel = signal && onAbort(signal, () => void this.abort(signal.reason));
    const flight: { step: NativeStep; done: Promise<void> }[] = [];
    const leave = joinScans();
    try {
      signal?.throwIfAborted();
      for (;;) {
        while (flight.length < Math.min(this.#depth, shareOfFlight().steps)) {
          await this.#pause();
          const step = this.plan();
          if (step === undefined) break;
          flight.push({ step, done: this.#begin(step) });
        }
        this.#depth++;
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
      leave();
      uncancel?.();
      if (flight.length > 0) await this.abort(undefined);
    }
  }

  #begin(step: NativeStep): Promise<void> {
    const done = this.#carryOut(step);
    this.#under.add(step);
    const over = (): void => {
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
          await this.#pause();
          waited = true;
        }
        const set = (this.#files[file] as MappedFile).getRanges(ranges, this.#asking);
        if (set.complete) takeAll(set, first, combining);
        else waits.push(receive(set, first, combining));
      }
      if (!waited && waits.length === 0 && step.work <= HERE) {
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

  /** Lets the event loop turn when it has been held for long enough. */
  async #pause(): Promise<void> {
    this.#controller.signal.throwIfAborted();
    await loopsTurn();
    this.#controller.signal.throwIfAborted();
  }
}

/** The chunks of one step that are combined on threads, one batch after the other. */
class Combining {
  readonly #step: NativeStep;
  /** The memory of windows that the bytes lie in. */
  readonly #held: ArrayBufferLike[] = [];
  #ready = 0;
  #running: Promise<void> | undefined;

  constructor(step: NativeStep) {
    this.#step = step;
  }

  take(range: number, bytes: Uint8Array): void {
    if (this.#held[this.#held.length - 1] !== bytes.buffer && !this.#held.includes(bytes.buffer)) this.#held.push(bytes.buffer);
    this.#ready = this.#step.arrive(range, bytes);
  }

  /** Has what is ready combined if that is worth it. */
  gathered(): void {
    if (this.#ready >= GATHERED && this.#running === undefined) this.#run();
  }

  #run(): void {
    this.#ready = 0;
    // A failure is told when it is waited for.
    this.#running = inTurn(() => this.#step.combineOnThread(this.#held)).finally(() => {
      this.#running = undefined;
    });
    this.#running.catch(() => {});
  }

  /** Everything has arrived: resolves when all of it has been combined, or it was cancelled. */
  async finish(): Promise<void> {
    await this.#running;
    if (!this.#step.complete()) {
      this.#run();
      await this.#running;
    }
  }

  /** Resolves when no thread works on it. */
  async stop(): Promise<void> {
    await this.#running?.catch(() => {});
  }
}

/** Takes all entries of a set. They are for a thread: what has arrived stays, whether or not it leaves memory. */
function takeAll(set: PageSet, first: number, combining: Combining): void {
  for (let entry = 0; entry < set.length; entry++) combining.take(first + entry, set.bytes(entry));
}

/** Takes them when they have arrived, and has what that completes combined. */
async function receive(set: PageSet, first: number, combining: Combining): Promise<void> {
  await set.arrived;
  const turn = loopsTurn();
  if (turn) await turn;
  takeAll(set, first, combining);
  combining.gathered();
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

/** Ranges as they are asked for: of one file each, and not too many at once. */
function* vectors(ranges: Float64Array): Generator<{ file: number; first: number; ranges: ByteRange[] }> {
  const count = ranges.length / 3;
  for (let first = 0; first < count; ) {
    const file = ranges[3 * first] as number;
    const some: ByteRange[] = [];
    let next = first;
    for (; next < count && some.length < AT_ONCE && ranges[3 * next] === file; next++) {
      some.push({ offset: ranges[3 * next + 1] as number, length: ranges[3 * next + 2] as number });
    }
    yield { file, first, ranges: some };
    first = next;
  }
}
