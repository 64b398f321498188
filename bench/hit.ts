import { readSync } from 'node:fs';
import { type FileHandle, open as openHandle } from 'node:fs/promises';
import { type MappedFile, open } from 'nofault';
import { baseline, type PlainMap } from './baseline';
import type { Bench, Figure, Surroundings } from './contract';
import { type Contestant, compete } from './rounds';
import { Random } from './statistics';
import type { TestFile } from './test-file';

const MEBIBYTES = 1024;
const PAGES_OF_64_MIB = 64 * (2 ** 20 / baseline.pageSize);
/** Where the 64 MiB begin: no multiple of any window, so that they lie in two windows as a stretch usually does. */
const STRETCH = 300 * (2 ** 20 / baseline.pageSize) + 1;
const SCATTERED = 4096;
const VECTOR = 1000;
/** getPages calls in one run: about as many pages as the other contestants ask about, so that all are compiled alike. */
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
    return hits.figures(await compete(hits.contestants(), rounds));
  } finally {
    plain.unmap();
    await handle.close();
    await asking.close();
    await watching.close();
  }
}

/** Each contestant's cost is nanoseconds a page. */
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
      this.synchronous('mincoreAndByte', () => this.perPage(this.plain.askAndRead(this.order), this.order)),
      this.synchronous('readSync', () => this.readSync()),
      { name: 'handleRead', prepare: () => this.prepare(), run: () => this.handleRead() },
      this.synchronous('getPages', () => this.getPages(this.asking)),
      this.synchronous('mincoreEach', () => this.mincoreEach()),
      this.synchronous('mincore16', () => this.perPage(this.plain.ask(this.order, 16), this.order)),
      this.synchronous('tryPageWatch', () => this.tryPage(this.watching)),
      this.synchronous('getPagesWatch', () => this.getPages(this.watching)),
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

  private perPage(nanoseconds: number, pages: Uint32Array): number {
    return nanoseconds / pages.length;
  }

  private tryPage(mapped: MappedFile): number {
    const { order } = this;
    let sum = 0;
    const start = process.hrtime.bigint();
    for (let i = 0; i < order.length; i++) {
      const page = mapped.tryPage(order[i] as number);
      if (page === undefined) return -1;
      sum += page[0] as number;
    }
    const elapsed = Number(process.hrtime.bigint() - start);
    this.sum += sum;
    return this.perPage(elapsed, order);
  }

  private viewOnly(): number {
    const { order, plainBytes } = this;
    const { pageSize } = baseline;
    let sum = 0;
    const start = process.hrtime.bigint();
    for (let i = 0; i < order.length; i++) sum += new Uint8Array(plainBytes, (order[i] as number) * pageSize, pageSize)[0] as number;
    const elapsed = Number(process.hrtime.bigint() - start);
    this.sum += sum;
    return this.perPage(elapsed, order);
  }

  private mincoreEach(): number {
    let nanoseconds = 0;
    for (let call = 0; call < CALLS; call++) nanoseconds += this.plain.ask(this.vector, 1);
    return this.perPage(nanoseconds / CALLS, this.vector);
  }

  private readSync(): number {
    const { order, into } = this;
    const { fd } = this.file;
    let sum = 0;
    const start = process.hrtime.bigint();
    for (let i = 0; i < order.length; i++) {
      readSync(fd, into, 0, into.length, (order[i] as number) * into.length);
      sum += into[0] as number;
    }
    const elapsed = Number(process.hrtime.bigint() - start);
    this.sum += sum;
    return this.perPage(elapsed, order);
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
    let misses = 0;
    const start = process.hrtime.bigint();
    for (let call = 0; call < CALLS; call++) misses += mapped.getPages(vector).misses;
    const elapsed = Number(process.hrtime.bigint() - start) / CALLS;
    return misses === 0 ? this.perPage(elapsed, vector) : -1;
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

  figures(samples: Awaited<ReturnType<typeof compete>>): Figure[] {
    return [
      samples.ratio(
        'tryPage_over_mincore',
        'tryPage',
        'mincoreAndByte',
        'tryPage asking the kernel each time / one mincore and a byte in C++',
        {
          atMost: 1.2,
        },
      ),
      samples.ratio('handleRead_over_tryPage', 'handleRead', 'tryPage', 'await filehandle.read of a page / tryPage', { atLeast: 30 }),
      samples.ratio('readSync_over_tryPage', 'readSync', 'tryPage', 'fs.readSync of a page / tryPage'),
      samples.ratio('mincoreEach_over_getPages', 'mincoreEach', 'getPages', 'one mincore a page in C++ / one getPages of 1,000 pages', {
        atLeast: 3,
      }),
      samples.cost('tryPage_ns', 'tryPage', "tryPage and a byte read, trust 'never'"),
      samples.cost('tryPageWatch_ns', 'tryPageWatch', "tryPage and a byte read, trust 'watch'"),
      samples.cost('mincoreAndByte_ns', 'mincoreAndByte', 'one mincore and a byte read, C++'),
      samples.cost('viewAndByte_ns', 'viewOnly', 'a view of a plain mapping and a byte read, nobody asked'),
      samples.cost('readSync_ns', 'readSync', 'fs.readSync of a page'),
      samples.cost('handleRead_ns', 'handleRead', 'await filehandle.read of a page'),
      samples.cost('getPages_ns_per_page', 'getPages', "getPages of 1,000 pages, trust 'never', a page"),
      samples.cost('getPagesWatch_ns_per_page', 'getPagesWatch', "getPages of 1,000 pages, trust 'watch', a page"),
      samples.cost('getPagesBytes_ns_per_page', 'getPagesBytes', 'getPages of 1,000 pages and a byte of each view, a page'),
      samples.cost('mincoreEach_ns_per_page', 'mincoreEach', 'one mincore of one page, C++'),
      samples.cost('mincore16_ns', 'mincore16', 'one mincore of 16 pages, C++'),
    ];
  }
}
