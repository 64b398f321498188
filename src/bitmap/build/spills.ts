import type { FileHandle } from 'node:fs/promises';
import type { ColumnPlace, NativeBuild } from '../../native';

/** Runs that are merged at once; each costs the merge a buffer. */
const FAN_IN = 64;

/** Makes files that nobody else sees, and that are gone when they are closed. */
export type MakeScratch = () => Promise<Scratch>;

export interface Scratch {
  readonly handle: FileHandle;
  /** Of stat(2). */
  readonly device: number;
}

/** A file with a run of each column. */
interface Spill extends Scratch {
  /** How often its runs have been merged. */
  readonly level: number;
  /** For each column, where its run begins; and where the last one ends. */
  readonly edges: readonly number[];
}

/** Runs of all columns, in the order of their chunks. */
export class Spills {
  #spills: Spill[] = [];

  constructor(
    private readonly native: NativeBuild,
    private readonly columnCount: number,
    private readonly makeScratch: MakeScratch,
  ) {}

  /** Writes what all columns have gathered. */
  async add(): Promise<void> {
    await this.#write(0, (column, { handle, device }, offset) => this.native.spill(column, handle.fd, device, offset));
    // Of the runs of a level, so many become one of the next, so that each byte is written a few times at most.
    for (let level = 0; this.#spills.filter((spill) => spill.level === level).length >= FAN_IN; level++) {
      const first = this.#spills.findIndex((spill) => spill.level === level);
      const merged = this.#spills.splice(first);
      try {
        await this.#write(level + 1, (column, { handle, device }, offset) =>
          this.native.mergeRuns(column, handle.fd, device, offset, runsOf(merged, column)),
        );
      } finally {
        await closeAll(merged);
      }
    }
  }

  /** Writes a column of the index from all its runs. */
  async writeColumn(column: number, fd: number, device: number, offset: number): Promise<ColumnPlace> {
    const leaves = await this.makeScratch();
    try {
      return await this.native.writeColumn(column, fd, device, offset, runsOf(this.#spills, column), leaves.handle.fd);
    } finally {
      await leaves.handle.close();
    }
  }

  async close(): Promise<void> {
    await closeAll(this.#spills.splice(0));
  }

  async #write(level: number, write: (column: number, to: Scratch, offset: number) => Promise<number>): Promise<void> {
    const scratch = await this.makeScratch();
    try {
      const edges = [0];
      for (let column = 0; column < this.columnCount; column++) edges.push(await write(column, scratch, edges.at(-1) as number));
      this.#spills.push({ ...scratch, level, edges });
    } catch (error) {
      await scratch.handle.close();
      throw error;
    }
  }
}

/** Of a column, as the addon wants them. */
function runsOf(spills: readonly Spill[], column: number): Float64Array {
  const runs = spills.flatMap(({ handle, edges }) => {
    const start = edges[column] as number;
    return [handle.fd, start, (edges[column + 1] as number) - start];
  });
  return Float64Array.from(runs);
}

async function closeAll(spills: readonly Spill[]): Promise<void> {
  for (const { handle } of spills) await handle.close();
}
