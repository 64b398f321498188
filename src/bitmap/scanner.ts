import type { MappedFile } from '../file/mapped-file';
import { addon, type NativeHeader, type NativeOutcome, type NativeScan, type NativeStep } from '../native';
import { GOAL } from '../native/bitmap';
import { checkBitmap } from './checking';
import { Evaluation, type EvaluationOptions, outcomeNow, planned } from './evaluation';
import type { BitmapRef } from './format';
import { Headers } from './headers';
import { planOf, type ScanPlan } from './plan';
import { compile, type Program, simplified } from './program';
import { Running } from './running';
import type { Tree } from './tree';

/** Rows of one batch at most. */
const BATCH = 65_536;

/** Work that `tryCount` takes on, and what others do on the event loop rather than on a thread, in ns as estimated. */
const NOW = 500_000;
const HERE = 100_000;

/** Containers that bitmaps of such a scan have at most. */
const FEW = 1024;

/** As of any read: a signal that cancels, and which reads go first. */
export interface ScanOptions {
  /** Stops reading and combining; what is waited for rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** @default 'interactive' */
  readonly priority?: 'interactive' | 'scan';
}

export interface RowsOptions extends ScanOptions {
  /** So many rows at most, the lowest ones. */
  readonly limit?: number;
}

/**
 * Evaluates trees over the bitmaps of one index file without waiting on the event loop: it reads the headers, plans which containers are needed, asks for
 * their pages a step at a time and combines them chunk by chunk as they arrive.
 *
 * Everything that waits rejects with `BAD_FORMAT` and the file's offset when a bitmap is damaged, with `TRUNCATED` or `IO` when its pages cannot be read, with
 * `LIMIT` when the headers of one tree's bitmaps would take too much memory or the tree is too deep, with the signal's reason when it is cancelled, and with
 * `CLOSED` when the scanner is closed. Close it before the file.
 */
export class Scanner {
  readonly #headers: Headers;
  readonly #running: Running;

  constructor(
    readonly file: MappedFile,
    readonly rowCount: number,
  ) {
    this.#headers = new Headers(file, rowCount);
    this.#running = new Running(file.path);
  }

  /** How many rows, now, when all it needs is in memory and it takes at most about a millisecond; else undefined. Reads nothing. Throws `BAD_FORMAT`. */
  tryCount(tree: Tree): number | undefined {
    this.#running.assertOpen();
    const simple = simplified(tree);
    const known = this.#countAtOnce(simple);
    if (known !== undefined) return known;
    const program = compile(simple);
    const headers = this.#headers.now(program.refs);
    if (headers === undefined) return undefined;
    return outcomeNow([this.file], this.#scan(program, headers, GOAL.count), NOW)?.count();
  }

  /** How many rows. */
  async count(tree: Tree, options: ScanOptions = {}): Promise<number> {
    const simple = simplified(tree);
    let count = this.#countAtOnce(simple);
    if (count !== undefined) return count;
    count = 0;
    for await (const step of this.#steps(simple, GOAL.count, options)) count += step.count();
    return count;
  }

  /** The rows, ascending, in batches of any length but 0. Reading goes ahead of who takes them by a bounded number of bytes only. */
  async *rows(tree: Tree, options: RowsOptions = {}): AsyncGenerator<Uint32Array, void, undefined> {
    const { limit = Infinity, ...rest } = options;
    let left = limit;
    if (left <= 0) return;
    for await (const step of this.#steps(simplified(tree), GOAL.rows, { ...rest, impatient: limit !== Infinity })) {
      for (;;) {
        const batch = step.takeRows(Math.min(BATCH, left));
        if (batch.length === 0) break;
        left -= batch.length;
        yield batch;
        if (left === 0) return;
      }
    }
  }

  /** The rows as a bitmap in the portable Roaring format. */
  async bitmap(tree: Tree, options: ScanOptions = {}): Promise<Uint8Array> {
    const steps: NativeOutcome[] = [];
    for await (const step of this.#steps(simplified(tree), GOAL.bitmap, options)) steps.push(step);
    return addon().assemble(steps);
  }

  /** For each reference how many rows of `where` are in it, in one pass: weighed by 2 ** i over the slices of a column they give its sum. */
  async counts(where: Tree, refs: readonly BitmapRef[], options: ScanOptions = {}): Promise<number[]> {
    const simple = simplified(where);
    if (simple.kind === 'all') return refs.map(({ cardinality }) => cardinality);
    const sums = new Array<number>(refs.length).fill(0);
    for await (const step of this.#steps(simple, GOAL.counts, options, refs)) {
      for (const [i, count] of step.counts().entries()) sums[i] = (sums[i] as number) + count;
    }
    return sums;
  }

  /**
   * The least or the greatest number among the rows of `where`; undefined when there are none. `slices` are two's complement digits, least significant first, the
   * sign last; `where` must have only rows that are not null.
   */
  async extreme(where: Tree, slices: readonly BitmapRef[], which: 'min' | 'max', options: ScanOptions = {}): Promise<bigint | undefined> {
    const least = which === 'min';
    let best: bigint | undefined;
    if (slices.length === 0) return best;
    for await (const step of this.#steps(simplified(where), GOAL.extreme, { ...options, least }, slices)) {
      const found = step.extreme();
      if (found !== undefined && (best === undefined || (least ? found < best : found > best))) best = found;
    }
    return best;
  }

  /** What `count` would read, and what of that is in memory. Reads headers only. */
  async plan(tree: Tree, options: ScanOptions = {}): Promise<ScanPlan> {
    this.#running.assertOpen();
    const simple = simplified(tree);
    if (this.#countAtOnce(simple) !== undefined) return planOf(this.file, [], [], []);
    const program = compile(simple);
    const headers = await this.#read(program, options);
    const steps: NativeStep[] = [];
    for await (const step of planned(this.#scan(program, headers, GOAL.count), options)) steps.push(step);
    this.#running.assertOpen();
    return planOf(this.file, program.refs, headers, steps);
  }

  /** Reads all of a bitmap and rejects with `BAD_FORMAT` unless its checksum, its header and each of its containers are right. */
  async check(ref: BitmapRef, options: ScanOptions = {}): Promise<void> {
    if (ref.containers === 0) return;
    await this.#running.linked(options, async (linked) => {
      const [header] = await this.#headers.all([ref], linked);
      await checkBitmap(this.file, ref, header as NativeHeader, linked);
    });
  }

  /** Cancels everything with `CLOSED`, and resolves when no thread reads the file's windows any more. */
  close(): Promise<void> {
    return this.#running.close();
  }

  /** What no bitmap need be looked at for. */
  #countAtOnce(simple: Tree): number | undefined {
    if (simple.kind === 'none') return 0;
    if (simple.kind === 'all') return this.rowCount;
    return simple.kind === 'bitmap' ? simple.ref.cardinality : undefined;
  }

  #scan(program: Program & { extras: Uint32Array }, headers: readonly NativeHeader[], goal: number): NativeScan {
    const offsets = Float64Array.from(program.refs, ({ offset }) => offset);
    return new (addon().Scan)(program.code, headers, new Uint32Array(headers.length), offsets, program.extras, goal, this.rowCount);
  }

  #read({ refs }: Program, options: ScanOptions): Promise<NativeHeader[]> {
    const known = this.#headers.now(refs);
    return known ? Promise.resolve(known) : this.#running.linked(options, (linked) => this.#headers.all(refs, linked));
  }

  async *#steps(
    simple: Tree,
    goal: number,
    options: EvaluationOptions,
    extras: readonly BitmapRef[] = [],
  ): AsyncGenerator<NativeOutcome, void, undefined> {
    this.#running.assertOpen();
    options.signal?.throwIfAborted();
    if (simple.kind === 'none') return;
    const program = compile(simple, extras);
    const headers = await this.#read(program, options);
    const few = headers.reduce((sum, { containers }) => sum + containers, 0) <= FEW;
    const outcome = few ? outcomeNow([this.file], this.#scan(program, headers, goal), HERE, options.least) : undefined;
    if (outcome !== undefined) {
      yield outcome;
      return;
    }
    const evaluation = new Evaluation([this.file], this.#scan(program, headers, goal), options);
    const ended = this.#running.add(evaluation);
    try {
      yield* evaluation.steps();
    } finally {
      ended();
    }
  }
}
