import { ROW } from '../native/inspection';

/** Inodes by device. One is a number as long as that can hold it: a million strings would be large. */
type Inodes = Map<number, Set<number | string>>;

/**
 * Files and folders that have been met, by device and inode, so that each counts once. Of files it remembers those that can be met again: that have several names, or
 * are expected since somebody asked for them by name.
 */
export class SeenFiles {
  readonly #expected: Inodes = new Map();
  readonly #files: Inodes = new Map();
  readonly #folders: Inodes = new Map();

  /** The file of a row may be met more than once. */
  expect(rows: Float64Array, row: number): void {
    add(this.#expected, rows[row + ROW.device] as number, inodeOf(rows, row));
  }

  /** Whether the file of a row has been met before. */
  again(rows: Float64Array, row: number): boolean {
    const device = rows[row + ROW.device] as number;
    const linked = (rows[row + ROW.links] as number) > 1;
    if (!linked && this.#expected.size === 0) return false;
    const inode = inodeOf(rows, row);
    if (!linked && !this.#expected.get(device)?.has(inode)) return false;
    return !add(this.#files, device, inode);
  }

  /** Whether a folder has been met before. */
  folderAgain(device: number, inode: string): boolean {
    const short = Number(inode);
    return !add(this.#folders, device, Number.isSafeInteger(short) ? short : inode);
  }
}

/** Whether it has been added now. */
function add(inodes: Inodes, device: number, inode: number | string): boolean {
  const known = inodes.get(device);
  if (known?.has(inode)) return false;
  if (known === undefined) inodes.set(device, new Set([inode]));
  else known.add(inode);
  return true;
}

function inodeOf(rows: Float64Array, row: number): number | string {
  const high = rows[row + ROW.inodeHigh] as number;
  const low = rows[row + ROW.inodeLow] as number;
  return high < 0x200000 ? high * 0x100000000 + low : `${high}:${low}`;
}
