// A program of its own, run by the bench `pressure` in a memory group: reads a hot set over and over, each page once in a while, beside a scan that has the
// group under constant reclaim, and counts how often the loop's thread waited. The last line on stdout is what it found, as JSON.
import { statSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { type FileStats, type MappedFile, open } from 'nofault';
import { baseline } from './baseline';
import { Scan } from './scan';
import { Random } from './statistics';
import { TestFile } from './test-file';
import { ThreadWaits } from './thread-waits';

/** How the hot set is read. */
export type Way = 'watch' | 'never' | 'plain';

export interface HotOrder {
  readonly way: Way;
  readonly hot: string;
  readonly scanned: string;
  /** Reads that are counted, at least. */
  readonly reads: number;
  /** Bytes that the scan has to have brought before reads are counted. */
  readonly lead: number;
}

export interface HotFindings {
  readonly reads: number;
  readonly hits: number;
  readonly boardHits: number;
  /** Waits of the loop's thread inside slices of reads, those beside garbage collections not among them. */
  readonly waits: number;
  readonly majorFaults: number;
  readonly besideCollections: number;
  /** The same around the calls that fetch what was missing. */
  readonly waitsFetching: number;
  readonly verdictsDropped: number;
  readonly blockedTouches: number;
  readonly seconds: number;
  readonly scannedBytes: number;
}

/** Each page is read once in so many ms. */
const PERIOD = 100;
/** Reads in one synchronous slice at most. When slices come late, several follow each other, with a turn of the loop after each. */
const SLICE = 256;
const CHECKED = 64;
const MOST_PAGES = (16 * 2 ** 20) / baseline.pageSize;

async function main(order: HotOrder): Promise<HotFindings> {
  const file = new TestFile(order.hot, statSync(order.hot).size);
  const scanned = await open(order.scanned);
  const hotSet = order.way === 'plain' ? new PlainHotSet(file) : await LibraryHotSet.open(file, order.way);
  const reader = new Reader(hotSet, file.pageCount);
  const scan = new Scan(scanned, scanned.pageCount, 'endlessly');
  await reader.readUntil(() => scanned.stats().bytesFetched >= order.lead);

  reader.beginCounting();
  const before = { stats: hotSet.stats(), scanned: scanned.stats().bytesFetched, time: performance.now() };
  await reader.readUntil(() => reader.reads >= order.reads);
  const seconds = (performance.now() - before.time) / 1000;
  const scannedBytes = scanned.stats().bytesFetched - before.scanned;
  const after = hotSet.stats();
  const { waits, majorFaults, besideCollections } = await reader.endCounting();
  await scan.stop();
  hotSet.check();
  const delta = (count: (stats: FileStats) => number): number => (after && before.stats ? count(after) - count(before.stats) : 0);
  const findings = {
    reads: reader.reads,
    hits: reader.hits,
    boardHits: delta((stats) => stats.boardHits),
    waits,
    majorFaults,
    besideCollections,
    waitsFetching: await hotSet.endFetching(),
    verdictsDropped: delta((stats) => stats.verdictsDropped),
    blockedTouches: delta((stats) => stats.blockedTouches),
    seconds,
    scannedBytes,
  };
  await hotSet.close();
  await scanned.close();
  return findings;
}

/** Reads all pages in one order over and over, each PERIOD after it was read last, as a server is asked for them: a few at a time. */
class Reader {
  reads = 0;
  hits = 0;
  private waits: ThreadWaits | undefined;
  private readonly pages: Uint32Array;
  private at = 0;

  constructor(
    private readonly hotSet: HotSet,
    pageCount: number,
  ) {
    this.pages = new Random(7).pages(pageCount, 0, pageCount);
  }

  async readUntil(over: () => boolean): Promise<void> {
    const { pages, hotSet } = this;
    const start = performance.now();
    for (let done = 0; !over(); ) {
      const due = Math.floor(((performance.now() - start) / PERIOD) * pages.length) - done;
      const count = Math.min(due, SLICE, pages.length - this.at);
      if (count > 0) {
        const slice = pages.subarray(this.at, this.at + count);
        const read = (): number => hotSet.read(slice);
        this.hits += this.waits === undefined ? read() : this.waits.during(read);
        hotSet.fetchMissing();
        this.reads += count;
        done += count;
        this.at = (this.at + count) % pages.length;
      }
      await (due > count ? nextTurn() : pause(1));
    }
  }

  beginCounting(): void {
    this.waits = new ThreadWaits();
    this.reads = 0;
    this.hits = 0;
  }

  async endCounting(): Promise<{ waits: number; majorFaults: number; besideCollections: number }> {
    if (this.waits === undefined) throw new Error('nothing was counted');
    return this.waits.end();
  }
}

interface HotSet {
  /** Reads a byte of each page that is a hit; returns how many were. */
  read(pages: Uint32Array): number;
  /** Has those fetched that were not. */
  fetchMissing(): void;
  endFetching(): Promise<number>;
  /** Throws when what is served is not what the file holds. */
  check(): void;
  stats(): FileStats | undefined;
  close(): Promise<void>;
}

class LibraryHotSet implements HotSet {
  sum = 0;
  private missing: number[] = [];
  private readonly fetching = new ThreadWaits();
  private failure: unknown;

  private constructor(
    private readonly file: TestFile,
    private readonly mapped: MappedFile,
  ) {}

  static async open(file: TestFile, trust: 'watch' | 'never'): Promise<LibraryHotSet> {
    const mapped = await open(file.path, { trust });
    for (let first = 0; first < mapped.pageCount; first += MOST_PAGES) {
      await mapped.getPages([{ first, count: Math.min(MOST_PAGES, mapped.pageCount - first) }]).arrived;
    }
    return new LibraryHotSet(file, mapped);
  }

  read(pages: Uint32Array): number {
    const { mapped, missing } = this;
    let sum = 0;
    let hits = 0;
    for (let i = 0; i < pages.length; i++) {
      const page = mapped.tryPage(pages[i] as number);
      if (page === undefined) {
        missing.push(pages[i] as number);
      } else {
        sum += page[0] as number;
        hits++;
      }
    }
    this.sum += sum;
    return hits;
  }

  fetchMissing(): void {
    if (this.failure !== undefined) throw this.failure;
    if (this.missing.length === 0) return;
    const pages = this.missing;
    this.missing = [];
    const set = this.fetching.during(() => this.mapped.getPages(pages));
    set.arrived.catch((error: unknown) => {
      this.failure = error;
    });
  }

  async endFetching(): Promise<number> {
    return (await this.fetching.end()).waits;
  }

  check(): void {
    for (let i = 0; i < CHECKED; i++) {
      const page = Math.floor((i * this.file.pageCount) / CHECKED);
      const served = this.mapped.tryPage(page);
      if (served !== undefined) this.file.check(page, served);
    }
  }

  stats(): FileStats {
    return this.mapped.stats();
  }

  close(): Promise<void> {
    return this.mapped.close();
  }
}

/** The hot set as any program maps it. Every read counts as a hit: nobody is asked. */
class PlainHotSet implements HotSet {
  sum = 0;
  private readonly plain;
  private readonly bytes: ArrayBuffer;

  constructor(private readonly file: TestFile) {
    this.plain = new baseline.PlainMap(file.fd, file.size, 'normal');
    this.bytes = this.plain.bytes();
    this.plain.touch(Uint32Array.from({ length: file.pageCount }, (_, page) => page));
  }

  read(pages: Uint32Array): number {
    const { bytes } = this;
    const { pageSize } = baseline;
    let sum = 0;
    for (let i = 0; i < pages.length; i++) sum += new Uint8Array(bytes, (pages[i] as number) * pageSize, pageSize)[0] as number;
    this.sum += sum;
    return pages.length;
  }

  fetchMissing(): void {}

  async endFetching(): Promise<number> {
    return 0;
  }

  check(): void {
    const { pageSize } = baseline;
    for (let i = 0; i < CHECKED; i++) {
      const page = Math.floor((i * this.file.pageCount) / CHECKED);
      this.file.check(page, new Uint8Array(this.bytes, page * pageSize, pageSize));
    }
  }

  stats(): undefined {
    return undefined;
  }

  async close(): Promise<void> {
    this.plain.unmap();
  }
}

if (require.main === module) {
  main(JSON.parse(process.argv[2] ?? '') as HotOrder).then(
    (findings) => process.stdout.write(`${JSON.stringify(findings)}\n`),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exitCode = 1;
    },
  );
}
