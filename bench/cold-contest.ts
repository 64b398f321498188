import { read } from 'node:fs';
import { NofaultError, open } from 'nofault';
import { baseline } from './baseline';
import type { Figure, Surroundings } from './contract';
import { FIO_INSTALLATION, fioMicrosecondsAPage, fioVersion } from './fio';
import { bytesRead } from './process-io';
import { type Contestant, compete, figure } from './rounds';
import { Random } from './statistics';
import type { TestFile } from './test-file';

const PAGES = 5000;
/** Each fault of a mapping without advice reads megabytes around it: fewer of them, to stay within the time. */
const PAGES_READ_AROUND = 500;
const IN_FLIGHT = 64;
/** V8 compiles what reads 5,000 pages during the first two vectors, beside it: they take half as long again. */
const WARM_UP = 3;
const CHECKED = 32;

/** One getPages for random cold pages beside the other ways to read them. Each contestant finds the file wholly cold and gets pages of its own. */
export async function contestFigures(surroundings: Surroundings, file: TestFile): Promise<Figure[]> {
  const contest = new Contest(file);
  const fio = await fioVersion();
  if (fio === undefined) surroundings.narrate(`fio is not installed, so fio_over_nofault is left out: ${FIO_INSTALLATION}`);
  const contestants: Contestant[] = [
    contest.contestant('nofault', () => contest.nofault()),
    contest.contestant('mmap', () => contest.plainMap('random', PAGES)),
    contest.contestant('mmapNormal', () => contest.plainMap('normal', PAGES_READ_AROUND)),
    contest.contestant('fsRead', () => contest.fsRead()),
  ];
  if (fio !== undefined) contestants.push(contest.contestant('fio', () => contest.fio()));
  const rounds = { rounds: surroundings.quick ? 5 : 15, warmUp: WARM_UP };
  surroundings.narrate(
    `${rounds.rounds} rounds of ${PAGES} random pages out of ${file.pageCount}, the file evicted before each contestant`,
  );
  const samples = await compete(contestants, rounds);

  const figures = [
    samples.ratio('mmap_over_nofault', 'mmap', 'nofault', 'faults on a plain mapping, MADV_RANDOM / one getPages', { atLeast: 4.2 }),
    samples.ratio('fsRead_over_nofault', 'fsRead', 'nofault', `fs.read, ${IN_FLIGHT} in flight / one getPages`, { atLeast: 2 }),
  ];
  if (fio !== undefined) {
    figures.push(
      samples.ratio('fio_over_nofault', 'fio', 'nofault', 'fio io_uring, buffered, depth 128 / one getPages', { atLeast: 0.95 }),
      samples.cost('fio_us_per_page', 'fio', `${fio}, io_uring, buffered, depth 128`),
    );
  }
  figures.push(
    samples.cost('nofault_us_per_page', 'nofault', 'one getPages, and a byte of each page read as it arrives'),
    samples.cost('mmap_us_per_page', 'mmap', 'faults on a plain mapping, MADV_RANDOM, C++'),
    samples.cost('mmapNormal_us_per_page', 'mmapNormal', 'faults on a plain mapping, no advice, C++'),
    samples.cost(
      'fsRead_us_per_page',
      'fsRead',
      `fs.read, ${IN_FLIGHT} in flight, UV_THREADPOOL_SIZE ${process.env.UV_THREADPOOL_SIZE ?? 4}`,
    ),
    figure('readAmplification', contest.amplification, 'bytes read from the device / bytes asked for', { atMost: 1.1 }),
  );
  return figures;
}

/** Each contestant's cost is microseconds a page. */
class Contest {
  /** Bytes that nofault's runs made the device read, over bytes of the pages. */
  readonly amplification: number[] = [];
  sum = 0;
  private readonly random = new Random(3);
  private pages: Uint32Array = new Uint32Array(0);
  private readonly buffers = Array.from({ length: IN_FLIGHT }, () => Buffer.alloc(baseline.pageSize));

  constructor(private readonly file: TestFile) {}

  contestant(name: string, run: Contestant['run']): Contestant {
    return {
      name,
      prepare: () => {
        this.pages = this.random.pages(PAGES, 0, this.file.pageCount);
        return this.file.evict();
      },
      run,
    };
  }

  async nofault(): Promise<number | undefined> {
    const { pages } = this;
    const mapped = await open(this.file.path);
    try {
      const before = bytesRead();
      const start = performance.now();
      const set = mapped.getPages(pages);
      let sum = 0;
      // As they arrive, as fs.read's and fio's are dealt with.
      for await (const entry of set) sum += set.bytes(entry)[0] as number;
      const elapsed = performance.now() - start;
      const read = bytesRead() - before;
      this.sum += sum;
      // A page that was there already makes the comparison unfair: a neighbour that was read ahead would.
      if (set.misses !== pages.length)
        throw new Error(`expected ${pages.length} pages to be missing, but ${set.hits} of them were resident`);
      this.amplification.push(read / (pages.length * baseline.pageSize));
      for (let entry = 0; entry < CHECKED; entry++) this.file.check(pages[entry] as number, set.bytes(entry));
      return (elapsed * 1000) / pages.length;
    } catch (error) {
      if (error instanceof NofaultError && error.code === 'NOT_RESIDENT') return undefined;
      throw error;
    } finally {
      await mapped.close();
    }
  }

  plainMap(advice: 'random' | 'normal', count: number): number {
    const map = new baseline.PlainMap(this.file.fd, this.file.size, advice);
    try {
      return map.touch(this.pages.subarray(0, count)) / 1000 / count;
    } finally {
      map.unmap();
    }
  }

  fsRead(): Promise<number> {
    const { pages, buffers } = this;
    const { fd } = this.file;
    const { pageSize } = baseline;
    return new Promise((resolve, reject) => {
      let next = 0;
      let done = 0;
      const start = performance.now();
      const readInto = (buffer: Buffer): void => {
        if (next === pages.length) return;
        read(fd, buffer, 0, pageSize, (pages[next++] as number) * pageSize, (error, length) => {
          if (error !== null) {
            reject(error);
            return;
          }
          this.sum += (buffer[0] as number) + length;
          if (++done === pages.length) resolve(((performance.now() - start) * 1000) / pages.length);
          else readInto(buffer);
        });
      };
      for (const buffer of buffers) readInto(buffer);
    });
  }

  fio(): Promise<number> {
    return fioMicrosecondsAPage(this.file.path, PAGES, baseline.pageSize, this.random.below(2 ** 30));
  }
}
