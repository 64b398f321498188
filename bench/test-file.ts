import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { baseline } from './baseline';

const MIB = 2 ** 20;
const WRITTEN_AT_ONCE = 8 * MIB;
const TMPFS = 0x01021994;
const ATTEMPTS = 40;

/** The large files that benches read. They are made once and shared by the benches of one run. */
export class TestFiles {
  private readonly made = new Map<number, TestFile>();
  private readonly turn: string;

  /** Throws when another bench runs on the same folder: the two would spoil each other's figures, and take away each other's files. */
  constructor(
    readonly folder: string,
    private readonly narrate: (line: string) => void,
  ) {
    mkdirSync(folder, { recursive: true });
    this.turn = join(folder, 'nofault-bench.pid');
    takeTurn(this.turn);
  }

  /** A file of `mebibytes` MiB that does not compress. */
  ofMebibytes(mebibytes: number): TestFile {
    const known = this.made.get(mebibytes);
    if (known !== undefined) return known;
    const path = join(this.folder, `nofault-bench-${mebibytes}MiB.bin`);
    const size = mebibytes * MIB;
    if (!existsSync(path) || statSync(path).size !== size) {
      this.narrate(`writing ${path}`);
      write(path, size);
    }
    const file = new TestFile(path, size);
    this.made.set(mebibytes, file);
    return file;
  }

  /** Closes all files, and takes them off the disk unless they are to be kept for the next run. */
  finish(keep: boolean): void {
    for (const file of this.made.values()) file.finish(keep);
    this.made.clear();
    rmSync(this.turn, { force: true });
  }
}

/** A file that holds the number of the process whose turn it is; one that a dead process has left is taken over. */
function takeTurn(path: string): void {
  for (;;) {
    try {
      writeFileSync(path, `${process.pid}\n`, { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const other = Number(readFileSync(path, 'latin1'));
    if (other > 0 && existsSync(`/proc/${other}`)) {
      throw new Error(`another bench runs here, as process ${other} (${path}): let one run at a time`);
    }
    rmSync(path, { force: true });
  }
}

function write(path: string, size: number): void {
  const folder = statfsSync(join(path, '..'));
  if (folder.type === TMPFS) {
    throw new Error(`${path} would lie in memory (tmpfs), where nothing is ever cold: set NOFAULT_BENCH_DIR to a folder on a disk`);
  }
  // A kept file of another size of the same name cannot be: the size is in the name. What is there is a broken-off attempt.
  if (existsSync(path)) unlinkSync(path);
  if (folder.bavail * folder.bsize < size + 256 * MIB) {
    throw new Error(
      `expected ${size / MIB} MiB free for ${path}, but ${Math.floor((folder.bavail * folder.bsize) / MIB)} MiB are: set NOFAULT_BENCH_DIR`,
    );
  }
  const fd = openSync(path, 'wx', 0o600);
  try {
    const piece = new Uint8Array(WRITTEN_AT_ONCE);
    for (let position = 0; position < size; position += WRITTEN_AT_ONCE) {
      baseline.fillRandom(piece, position);
      writeSync(fd, piece, 0, Math.min(WRITTEN_AT_ONCE, size - position), position);
    }
    fsyncSync(fd);
  } catch (error) {
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(fd);
  }
}

export class TestFile {
  /** Open for reading, as long as the bench runs. */
  readonly fd: number;
  readonly pageCount: number;

  constructor(
    readonly path: string,
    readonly size: number,
  ) {
    this.fd = openSync(path, 'r');
    this.pageCount = Math.ceil(size / baseline.pageSize);
    if (fstatSync(this.fd).size !== size) throw new Error(`${path} changed its size while the bench started: let one bench run at a time`);
  }

  /** Pages in the page cache, asked over a mapping made for the purpose. */
  residentPages(): number {
    const map = new baseline.PlainMap(this.fd, this.size, 'normal');
    try {
      return map.residentPages();
    } finally {
      map.unmap();
    }
  }

  /**
   * Makes the file cold and proves it: no page of it is in the page cache when this resolves. Pages that somebody maps stay, so every mapping of this
   * process has to be gone first; those that wait for the garbage collector are waited for.
   */
  async evict(): Promise<void> {
    let left = 0;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      baseline.evict(this.fd);
      left = this.residentPages();
      if (left === 0) return;
      await nextTurn();
      if (attempt % 4 === 3) globalThis.gc?.();
      if (attempt >= 8) await pause(50);
    }
    throw new Error(
      `expected ${this.path} to leave the page cache, but ${left} of ${this.pageCount} pages stayed after ${ATTEMPTS} attempts: ` +
        'another process maps it, or its file system keeps its pages (set NOFAULT_BENCH_DIR to a folder on a disk)',
    );
  }

  /** Brings the whole file in the ordinary way, from start to end. */
  readThrough(): void {
    const piece = new Uint8Array(MIB);
    for (let position = 0; position < this.size; position += MIB) readSync(this.fd, piece, 0, MIB, position);
  }

  /** Brings the pages in one by one, each into a folio of its own, as scattered reading does. */
  readScattered(pages: Uint32Array): void {
    baseline.requestPages(this.fd, pages);
    const page = new Uint8Array(baseline.pageSize);
    for (const number of pages) readSync(this.fd, page, 0, page.length, number * baseline.pageSize);
  }

  /** Throws when `served` is not what a read of the file gives for the page. */
  check(page: number, served: Uint8Array): void {
    const read = new Uint8Array(baseline.pageSize);
    const length = readSync(this.fd, read, 0, read.length, page * baseline.pageSize);
    if (Buffer.compare(read.subarray(0, length), served) !== 0) {
      throw new Error(`page ${page} of ${this.path} was served with other bytes than fs.readSync gives: no figure of this run counts`);
    }
  }

  finish(keep: boolean): void {
    closeSync(this.fd);
    if (!keep && existsSync(this.path)) unlinkSync(this.path);
  }
}
