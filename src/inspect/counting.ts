import { addon } from '../native';
import { ASK, ROW } from '../native/inspection';

/** What is wanted of each file. */
export interface Wanted {
  readonly map: boolean;
  /** At most so many; 0 without. */
  readonly cells: number;
}

/**
 * Decides whom to ask about the files of each device. cachestat is by far the cheaper, but counts nothing on file systems that lie over others; so it is believed where the
 * kind of the file system is known to be counted, or where it has counted a file of which mincore has just found pages in memory. Until that is known, both are asked.
 */
export class Counting {
  readonly #devices = new Map<number, 'true' | 'wrong'>();
  readonly wanted: Wanted;
  readonly #there = addon().countsPages();

  constructor(wanted: Wanted) {
    this.wanted = wanted;
  }

  /** The bits of ASK for files of a device, of whose kind of file system is known whether it is counted. */
  bits(device: number, countsPages: boolean): number {
    const { map } = this.wanted;
    if (!this.#there) return ASK.mincore;
    const known = this.#devices.get(device);
    if (known === 'wrong') return ASK.mincore;
    if (known === 'true' || countsPages) return ASK.cachestat | (map ? ASK.mincore | ASK.prune : 0);
    return ASK.cachestat | ASK.mincore;
  }

  /** Whether cachestat's answer, in a row that was asked for with these bits, is to be believed. Learns from it. */
  believes(rows: Float64Array, row: number, bits: number): boolean {
    if (rows[row + ROW.counted] !== 0) return false;
    const device = rows[row + ROW.device] as number;
    const witness = rows[row + ROW.witness] as number;
    if (witness >= 0) this.#devices.set(device, witness === 1 ? 'true' : 'wrong');
    const known = this.#devices.get(device);
    return known === 'true' || (known === undefined && (bits & (ASK.mincore | ASK.prune)) !== ASK.mincore);
  }
}
