import { NofaultError } from '../../src/errors';
import type { ByteRange, ResidencyMap, ResidencyRun } from '../../src/file/contract';
import type { FileName, FileResidency, FollowOptions, Paths, Round } from '../../src/inspect/contract';
import type { Inspector } from '../../src/web/inspector';

export const PAGE = 4096;
const CELLS = 256;

/** A file that exists only here: what of it is in memory is what a test says. */
export class PretendedFile {
  /** 1 for each page that is resident. */
  readonly pages: Uint8Array;
  unknown = false;
  error: NofaultError | undefined;

  constructor(
    readonly path: FileName,
    readonly size: number,
  ) {
    this.pages = new Uint8Array(Math.ceil(size / PAGE));
  }

  /** Pages come (or leave). */
  set(first: number, count: number, resident: boolean): void {
    this.pages.fill(resident ? 1 : 0, first, first + count);
  }

  fail(message: string): void {
    this.error = new NofaultError('IO', message);
  }

  residentIn(firstPage: number, behindPage: number): number {
    let bytes = 0;
    for (let page = firstPage; page < behindPage; page++) {
      if (this.pages[page] === 1) bytes += Math.min(PAGE, this.size - page * PAGE);
    }
    return bytes;
  }

  look(): FileResidency {
    const { path, size, error, pages } = this;
    const base = { path, pageSize: PAGE, again: false };
    if (error !== undefined) return { ...base, error, size: 0, allocatedBytes: 0, residentBytes: 0, unknownBytes: 0 };
    if (this.unknown) return { ...base, size, allocatedBytes: size, residentBytes: 0, unknownBytes: size };
    const count = Math.min(CELLS, pages.length);
    const start = (cell: number): number => Math.floor((cell * pages.length) / count);
    const cells = Float64Array.from({ length: count }, (_, cell) => this.residentIn(start(cell), start(cell + 1)));
    return { ...base, size, allocatedBytes: size, residentBytes: this.residentIn(0, pages.length), unknownBytes: 0, cells };
  }
}

/** Looks only when a test says so, at what the test says: the machine's own memory changes at any moment. */
export class StandIn implements Inspector {
  files: PretendedFile[] = [];
  /** How many series of looks are going on, and how many were begun. */
  going = 0;
  begun = 0;
  /** Zooms that were asked about. */
  readonly asked: { path: FileName; range: ByteRange | undefined }[] = [];
  /** Ends the next look with this. */
  failure: Error | undefined;
  #waiting: (() => void)[] = [];

  add(path: FileName, size: number): PretendedFile {
    const file = new PretendedFile(path, size);
    this.files.push(file);
    return file;
  }

  /** Has everybody who follows take another look. */
  look(): void {
    for (const go of this.#waiting.splice(0)) go();
  }

  async *follow(_paths: Paths, { signal }: FollowOptions = {}): AsyncGenerator<Round> {
    this.begun += 1;
    this.going += 1;
    try {
      for (;;) {
        const next = new Promise<void>((resolve) => {
          this.#waiting.push(resolve);
        });
        if (this.failure !== undefined) throw this.failure;
        yield this.#round();
        await orAborted(next, signal);
      }
    } finally {
      this.going -= 1;
    }
  }

  residencyOf(path: FileName, range?: ByteRange): Promise<ResidencyMap> {
    this.asked.push({ path, range });
    const file = this.files.find((one) => one.path === path) as PretendedFile;
    const { offset, length } = range ?? { offset: 0, length: file.size };
    const end = Math.min(file.size, offset + length);
    const size = end - offset;
    if (file.unknown) {
      return Promise.resolve({
        size,
        pageSize: PAGE,
        residentBytes: 0,
        unknownBytes: size,
        runs: [{ offset, length: size, state: 'unknown' }],
      });
    }
    const runs: ResidencyRun[] = [];
    let residentBytes = 0;
    for (let at = offset; at < end; ) {
      const state = file.pages[Math.floor(at / PAGE)] === 1 ? 'resident' : 'missing';
      let to = at;
      while (to < end && (file.pages[Math.floor(to / PAGE)] === 1) === (state === 'resident'))
        to = Math.min(end, (Math.floor(to / PAGE) + 1) * PAGE);
      runs.push({ offset: at, length: to - at, state });
      if (state === 'resident') residentBytes += to - at;
      at = to;
    }
    return Promise.resolve({ size, pageSize: PAGE, residentBytes, unknownBytes: 0, runs });
  }

  #round(): Round {
    const files = this.files.map((file) => file.look());
    const counted = files.filter(({ error }) => error === undefined);
    const sum = (of: (file: FileResidency) => number): number => counted.reduce((total, file) => total + of(file), 0);
    return {
      time: Date.now(),
      files,
      totals: {
        files: counted.length,
        failed: files.length - counted.length,
        size: sum(({ size }) => size),
        residentBytes: sum(({ residentBytes }) => residentBytes),
        unknownBytes: sum(({ unknownBytes }) => unknownBytes),
        kernel: { dirtyBytes: 0, writebackBytes: 0, evictedBytes: 0, recentlyEvictedBytes: 0 },
      },
    };
  }
}

/** Rejects with the signal's reason when that comes first. */
function orAborted(next: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal?.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
    void next.then(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
  });
}
