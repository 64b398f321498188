import { existsSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readDirectly } from './direct-read';
import type { Scratch } from './scratch';
import { type FailureOptions, type Range, type Read, SlowFolder, type SlowFolderOptions, slowFolderLacks } from './slow-folder';
import { hasTool, tool } from './system';
import { building, endRig, type Rig } from './watch';

export type FileSystem = 'ext4' | 'xfs' | 'btrfs';

export interface SlowDiskOptions extends Pick<SlowFolderOptions, 'readDelay' | 'maxBackground'> {
  readonly fs: FileSystem;
  /**
   * Bytes of the disk. It takes only as much room as is written to it.
   * @default 512 MiB
   */
  readonly size?: number | undefined;
}

/** How each file system is made: at once and completely, so that nothing is written later by itself. */
const MAKERS: Readonly<Record<FileSystem, readonly string[]>> = {
  ext4: ['-q', '-F', '-b', '4096', '-E', 'lazy_itable_init=0,lazy_journal_init=0'],
  xfs: ['-q', '-f'],
  btrfs: ['-q', '-f', '-d', 'single', '-m', 'single'],
};

const PACKAGES: Readonly<Record<FileSystem, string>> = { ext4: 'e2fsprogs', xfs: 'xfsprogs', btrfs: 'btrfs-progs' };
const IMAGE = 'disk.img';
const BLOCK = 4096;

/** Why `startSlowDisk` cannot work on this machine with this file system; undefined where it can. */
export function slowDiskLacks(fs: FileSystem): string | undefined {
  const lacks = slowFolderLacks();
  if (lacks !== undefined) return lacks;
  if (!hasTool('losetup')) return 'needs losetup, of util-linux';
  if (!existsSync('/dev/loop-control')) return 'needs /dev/loop-control (on a machine: modprobe loop)';
  return hasTool(`mkfs.${fs}`) ? undefined : `needs mkfs.${fs}, of ${PACKAGES[fs]}`;
}

/** Mounts a real file system whose disk can be made slow, faulty and hung while it is in use. */
export function startSlowDisk(options: SlowDiskOptions): Promise<SlowDisk> {
  return building((scratch) => SlowDisk.start(scratch, options));
}

/**
 * A file system on a loop device on an image in a slow folder. Faults are given by the name of a file on it and by bytes of that file, and hold for the
 * place where those bytes lie on the disk at that time. What the page cache holds is served without the disk: see `evict`.
 */
export class SlowDisk implements Rig {
  /** Where it is mounted. */
  readonly folder: string;
  readonly #scratch: Scratch;
  readonly #storage: SlowFolder;

  private constructor(scratch: Scratch, folder: string, storage: SlowFolder) {
    this.#scratch = scratch;
    this.folder = folder;
    this.#storage = storage;
  }

  /** @internal */
  static async start(scratch: Scratch, { fs, size = 512 * 2 ** 20, readDelay = 0, ...limits }: SlowDiskOptions): Promise<SlowDisk> {
    const storage = await SlowFolder.start(scratch, limits);
    await storage.write(IMAGE, '');
    await storage.truncate(IMAGE, size);
    // Past the server, which is much faster; nothing of the image is in the kernel's cache of the slow folder yet.
    await tool(`mkfs.${fs}`, [...MAKERS[fs], join(storage.backing, IMAGE)]);
    await storage.revoke(IMAGE);
    const folder = scratch.make('disk');
    // With direct I/O: what the file system has evicted would else be served from the page cache of the image.
    const device = (await tool('losetup', ['-f', '--show', '--direct-io=on', storage.path(IMAGE)])).trim();
    await tool('mount', ['-t', fs, '-o', 'noatime', device, folder]);
    const disk = new SlowDisk(scratch, folder, storage);
    if (readDelay > 0) await disk.delay(readDelay);
    return disk;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Writes a file, to the disk and out of the page cache; its path. */
  async write(name: string, content: Uint8Array | string): Promise<string> {
    await writeFile(this.path(name), content);
    await this.evict(name);
    return this.path(name);
  }

  /** Writes out what of the file is still to be written, and drops it from the page cache, but for pages that a process has mapped and touched. */
  async evict(name: string): Promise<void> {
    await tool('dd', [`of=${this.path(name)}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);
  }

  /** Each read of the disk takes `ms` milliseconds. */
  delay(ms: number): Promise<void> {
    return this.#storage.delay(ms);
  }

  /** Reads that touch these bytes of the file fail; all of them, or `times` times. The file system may turn the error into one of its own. */
  async fail(name: string, { errno, times, ...range }: FailureOptions = {}): Promise<void> {
    for (const place of await this.places(name, range)) await this.#storage.fail(IMAGE, { ...place, errno, times });
  }

  /** Reads that touch these bytes of the file are not answered until `release`. */
  async hang(name: string, range: Range = {}): Promise<void> {
    for (const place of await this.places(name, range)) await this.#storage.hang(IMAGE, place);
  }

  /** Nothing that the disk is asked is answered until `release`. */
  hangEverything(): Promise<void> {
    return this.#storage.hangEverything();
  }

  /** How many requests to the disk hang now. */
  hung(): Promise<number> {
    return this.#storage.hung();
  }

  untilHung(count = 1): Promise<void> {
    return this.#storage.untilHung(count);
  }

  release(): Promise<void> {
    return this.#storage.release();
  }

  /** Takes every fault away. */
  heal(): Promise<void> {
    return this.#storage.heal();
  }

  /** The reads that reached the disk, at places of the disk: `places` tells where a file lies. */
  log(): Promise<readonly Read[]> {
    return this.#storage.log(IMAGE);
  }

  forgetReads(): Promise<void> {
    return this.#storage.forgetReads();
  }

  /**
   * Where bytes of a file lie on the disk, rounded to blocks. Found out by reading them past the page cache and looking at what the disk was asked for,
   * which is right on every file system; while that is done no fault is in force. Rejects where bytes lie nowhere of their own, as in a hole.
   */
  async places(name: string, { offset = 0, length = Number.POSITIVE_INFINITY }: Range = {}): Promise<{ offset: number; length: number }[]> {
    const file = await open(this.path(name));
    const { size } = await file
      .sync()
      .then(() => file.stat())
      .finally(() => file.close());
    const first = Math.floor(offset / BLOCK) * BLOCK;
    const end = Math.ceil(Math.min(offset + length, size) / BLOCK) * BLOCK;
    if (end <= first) throw new Error(`${name} has ${size} bytes: there is nothing at ${offset}`);
    // The file system may have to look up where the file lies, which is then in memory; and it may read something of its own at any time.
    for (let i = 0; i < 5; i++) {
      const reads = await this.#storage.traced(() => readDirectly(this.path(name), first, end - first));
      if (reads.reduce((sum, { length }) => sum + length, 0) === end - first)
        return reads.map(({ offset, length }) => ({ offset, length }));
    }
    throw new Error(`bytes ${first} to ${end} of ${name} do not lie in blocks of their own on the disk: is there a hole?`);
  }

  /** Kills the server of the disk: from then on every read of it fails. */
  kill(): Promise<void> {
    return this.#storage.kill();
  }

  /** Unmounts and removes it. Whoever waits for the disk gets an error, so that nothing stays behind. */
  async stop(): Promise<void> {
    // In an orderly way, where it answers and nobody uses it; what is left is then taken down from below.
    await this.heal().then(
      () => tool('umount', [this.folder]).catch(() => {}),
      () => {},
    );
    await endRig(this.#scratch);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
