import { readSync } from 'node:fs';
import { type FileHandle, open as openHandle } from 'node:fs/promises';
import { type MappedFile, open } from 'nofault';
import { baseline, type PlainMap } from './baseline';
import type { Bench, Figure, Surroundings } from './contract';
import { hitFigures } from './hit-figures';
import { type Contestant, compete } from './rounds';
import { Random } from './statistics';
import type { TestFile } from './test-file';

const MEBIBYTES = 1024;
const PAGES_OF_64_MIB = 64 * (2 ** 20 / baseline.pageSize);
/** Where the 64 MiB begin: no multiple of any window, so that they lie in two windows as a stretch usually does. */
const STRETCH = 300 * (2 ** 20 / baseline.pageSize) + 1;
const SCATTERED = 4096;
const VECTOR = 1000;
/** Entries of a short vector, as one query needs. */
const SHORT = 16;
/** How often each contestant goes over its pages in one run: once, what the run before it left in the processor's caches would be half of what is measured. */
const CALLS = 8;

export const hit: Bench = {
  name: 'hit',
  what: 'reads of pages that are in memory: tryPage and getPages beside mincore in C++, fs.readSync and filehandle.read',
  async run(surroundings) {
    const file = surroundings.files.ofMebibytes(MEBIBYTES);
    const random = new Random(1);
    const single = random.pages(SCATTERED, STRETCH, STRETCH + PAGES_OF_64_MIB);
    const vector = random.pages(VECTOR, 0, file.pageCount);

    surroundings.narrate('files in large folios: read from start to end');
    await file.evict();
    file.readThrough();
    const main = await measure(surroundings, file, single, vector);

    surroundings.narrate('the same in 4 KiB folios: each page read by itself');
    await file.evict();
    file.readScattered(single);
    file.readScattered(vector);
    const scattered = await measure(surroundings, file, single, vector);
    return [...main, ...scattered.filter(isOfFolios).map(inSmallFolios)];
  },
};

const OF_FOLIOS = [
  'tryPage_over_mincore',
  'mincoreEach_over_getPages',
  'tryPage_ns',
  'mincoreAndByte_ns',
  'getPages_ns_per_page',
  'mincoreEach_ns_per_page',
];

function isOfFolios({ key }: Figure): boolean {
  return OF_FOLIOS.includes(key);
}

function inSmallFolios({ key, value, quartiles, what }: Figure): Figure {
  return { key: `smallFolios_${key}`, value, ...(quartiles && { quartiles }), what: `${what}, 4 KiB folios` };
}

async function measure(surroundings: Surroundings, file: TestFile, single: Uint32Array, vector: Uint32Array): Promise<Figure[]> {
  const asking = await open(file.path, { trust: 'never' });
  const watching = await open(file.path, { trust: 'watch' });
  const handle = await openHandle(file.path);
  const plain = new baseline.PlainMap(file.fd, file.size, 'normal');
  try {
    const hits = new Hits(file, asking, watching, handle, plain, single, vector);
    await hits.touchEverything();
    hits.check();
    const rounds = surroundings.quick ? { rounds: 15, warmUp: 5 } : { rounds: 60, warmUp: 10 };
    surroundings.narrate(`${rounds.rounds} rounds`);
    return hitFigures(await compete(hits.contestants(), rounds));
  } finally {
    plain.unmap();
    await handle.close();
    await asking.close();
    await watching.close();
  }
}

/** Each contestant's cost is nanoseconds a page, or a vector where its name says 16. */
class Hits {
  /** What the bytes read add up to, so that no compiler can leave a read out. */
  sum = 0;
  private readonly into = Buffer.alloc(baseline.pageSize);
  private readonly plainBytes: ArrayBuffer;
  private order: Uint32Array;
  private disturbed = false;
  private readonly random = new Random(2);

  constructor(
    private readonly file: TestFile,
    private readonly asking: MappedFile,
    private readonly watching: MappedFile,
    private readonly handle: FileHandle,
    private readonly plain: PlainMap,
    private readonly single: Uint32Array,
    private readonly vector: Uint32Array,
  ) {
    this.plainBytes = plain.bytes();
    this.order = single;
  }

  /** Brings back what the system has reclaimed meanwhile, and maps every page in every mapping. */
  async touchEverything(): Promise<void> {
    for (const pages of [this.single, this.vector]) {
      this.plain.touch(pages);
      for (const mapped of [this.asking, this.watching]) {
        const set = await mapped.getPages(pages).arrived;
        for (let entry = 0; entry < set.length; entry++) this.sum += (set.bytes(entry)[0] as number) & 1;
      }
    }
  }

  check(): void {
    for (let i = 0; i < 64; i++) {
      const page = this.single[i * 64] as number;
      const served = this.asking.tryPage(page);
      if (served !== undefined) this.file.check(page, served);
      this.file.check(this.vector[i] as number, this.asking.getPages(this.vector).bytes(i));
    }
  }

  contestants(): Contestant[] {
    return [
      this.synchronous('tryPage', () => this.tryPage(this.asking)),
      this.synchronous('mincoreAndByte', () => this.inPlain(() => this.plain.askAndRead(this.order))),
      this.synchronous('readSync', () => this.readSync()),
      { name: 'handleRead', prepare: () => this.prepare(), run: () => this.handleRead() },
      this.synchronous('getPages', () => this.getPages(this.asking)),
      this.synchronous('mincoreEach', () => this.mincoreEach()),
      this.synchronous('mincoreOf16', () => SHORT * this.inPlain(() => this.plain.ask(this.order, 1))),
      this.synchronous('mincore16', () => this.inPlain(() => this.plain.ask(this.order, 16))),
      this.overBoard('board', CALLS * SCATTERED, () => this.tryPage(this.watching)),
      this.overBoard('getPagesBoard', CALLS * VECTOR, () => this.getPages(this.watching)),
      this.overBoard('vector16', CALLS * SCATTERED, () => this.vector16()),
      this.synchronous('getPagesBytes', () => this.getPagesBytes()),
      this.synchronous('viewOnly', () => this.viewOnly()),
    ];
  }

  private async prepare(): Promise<void> {
    if (this.disturbed) await this.touchEverything();
    this.disturbed = false;
    this.order = this.random.shuffled(this.single);
  }

  /** A contestant whose run gives a negative number when a page had left memory; all are brought back before it runs again. */
  private synchronous(name: string, run: () => number): Contestant {
    return {
      name,
      prepare: () => this.prepare(),
      run: () => {
        const cost = run();
        this.disturbed = cost < 0;
        return cost < 0 ? undefined : cost;
      },
    };
  }

  /** The same, for a run of so many questions that only counts when the boards have answered all of them. */
  private overBoard(name: string, questions: number, run: () => number): Contestant {
    return this.synchronous(name, () => {
      // What is not on a board gets there by being asked about.
      for (const pages of [this.single, this.vector]) this.watching.getPages(pages);
      const before = this.watching.stats().boardHits;
      const cost = run();
      return this.watching.stats().boardHits - before === questions ? cost : -1;
    });
  }

  private perPage(nanoseconds: number, pages: Uint32Array): number {
    return nanoseconds / pages.length;
  }

  /** Nanoseconds a page of what C++ has measured over the order; negative when a page was missing. */
  private inPlain(run: () => number): number {
    let nanoseconds = 0;
    for (let call = 0; call < CALLS; call++) {
      const cost = run();
      if (cost < 0) return -1;
      nanoseconds += cost;
    }
    return this.perPage(nanoseconds / CALLS, this.order);
  }

  /** Nanoseconds that one pass takes of CALLS in a row; negative when one came to a negative number: a page was missing. */
  private timed(pass: () => number): number {
    let sum = 0;
    const start = process.hrtime.bigint();
    for (let call = 0; call < CALLS; call++) {
      const came = pass();
      if (came < 0) return -1;
      sum += came;
    }
    const elapsed = Number(process.hrtime.bigint() - start) / CALLS;
    this.sum += sum;
    return elapsed;
  }

  private tryPage(mapped: MappedFile): number {
    const { order } = this;
    return this.perPage(
      this.timed(() => tryPages(mapped, order)),
      order,
    );
  }

  private viewOnly(): number {
    const { order, plainBytes } = this;
    return this.perPage(
      this.timed(() => viewPages(plainBytes, order)),
      order,
    );
  }

  private mincoreEach(): number {
    let nanoseconds = 0;
    for (let call = 0; call < CALLS; call++) nanoseconds += this.plain.ask(this.vector, 1);
    return this.perPage(nanoseconds / CALLS, this.vector);
  }

  private readSync(): number {
    const { order, into } = this;
    const { fd } = this.file;
    return this.perPage(
      this.timed(() => readPages(fd, into, order)),
      order,
    );
  }

  private async handleRead(): Promise<number> {
    // One in eight: at tens of microseconds each, they are steady enough.
    const order = this.order.subarray(0, this.order.length / 8);
    const { handle, into } = this;
    let sum = 0;
    const start = process.hrtime.bigint();
    for (let i = 0; i < order.length; i++) {
      await handle.read(into, 0, into.length, (order[i] as number) * into.length);
      sum += into[0] as number;
    }
    const elapsed = Number(process.hrtime.bigint() - start);
    this.sum += sum;
    return this.perPage(elapsed, order);
  }

  private getPages(mapped: MappedFile): number {
    const { vector } = this;
    return this.perPage(
      this.timed(() => -mapped.getPages(vector).misses),
      vector,
    );
  }

  /** Nanoseconds for one vector of 16 entries: all vectors that the order of pages can be cut into. */
  private vector16(): number {
    const { order, watching } = this;
    const vectors = Array.from({ length: order.length / SHORT }, (_, i) => order.slice(i * SHORT, (i + 1) * SHORT));
    return this.timed(() => -missesOf(watching, vectors)) / vectors.length;
  }

  private getPagesBytes(): number {
    const { vector } = this;
    let sum = 0;
    const start = process.hrtime.bigint();
    const set = this.asking.getPages(vector);
    if (set.misses > 0) return -1;
    for (let entry = 0; entry < vector.length; entry++) sum += set.bytes(entry)[0] as number;
    const elapsed = Number(process.hrtime.bigint() - start);
    this.sum += sum;
    return this.perPage(elapsed, vector);
  }
}

// One pass each, in a function that ends with its loop. V8 compiles a loop while it runs, without what comes after it and was never run; a function that looked
// at the clock behind its loop would be thrown out of its compiled code at the end of each run, and begin the next one in the interpreter.

/** What the first bytes of these pages add up to; negative when one was missing. */
function tryPages(mapped: MappedFile, order: Uint32Array): number {
  let sum = 0;
  for (let i = 0; i < order.length; i++) {
    const page = mapped.tryPage(order[i] as number);
    if (page === undefined) return -1;
    sum += page[0] as number;
  }
  return sum;
}

function viewPages(bytes: ArrayBuffer, order: Uint32Array): number {
  const { pageSize } = baseline;
  let sum = 0;
  for (let i = 0; i < order.length; i++) sum += new Uint8Array(bytes, (order[i] as number) * pageSize, pageSize)[0] as number;
  return sum;
}

function readPages(fd: number, into: Buffer, order: Uint32Array): number {
  let sum = 0;
  for (let i = 0; i < order.length; i++) {
    readSync(fd, into, 0, into.length, (order[i] as number) * into.length);
    sum += into[0] as number;
  }
  return sum;
}

function missesOf(mapped: MappedFile, vectors: readonly Uint32Array[]): number {
  let misses = 0;
  for (let i = 0; i < vectors.length; i++) misses += mapped.getPages(vectors[i] as Uint32Array).misses;
  return misses;
}
