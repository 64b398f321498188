import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { ChildResult } from './children';
import { type Circumstances, run, start } from './launch';
import type { Scratch } from './scratch';
import { building, endRig, type Rig } from './watch';

/** Where new memory groups can be made, and the names that this version of control groups has for things. */
interface Place {
  readonly folder: string;
  readonly limit: string;
  readonly usage: string;
  readonly version: 1 | 2;
}

/** Why `startMemoryCgroup` cannot work on this machine; undefined where it can. */
export function memoryCgroupLacks(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  const place = findPlace();
  if (place === undefined) return 'needs the memory controller of control groups, version 1 or 2, handed down to here';
  try {
    accessSync(place.folder, constants.W_OK);
    return undefined;
  } catch {
    return `needs control groups that may be written to: ${place.folder} may not`;
  }
}

/** Makes a control group whose processes together have at most `limit` bytes of memory, page cache included. */
export function startMemoryCgroup({ limit }: { readonly limit: number }): Promise<MemoryCgroup> {
  const place = findPlace();
  if (place === undefined) throw new Error(memoryCgroupLacks());
  return building((scratch) => MemoryCgroup.start(scratch, place, limit));
}

export class MemoryCgroup implements Rig {
  /** Where the group lies in the tree of control groups. */
  readonly folder: string;
  readonly #place: Place;
  readonly #scratch: Scratch;

  private constructor(scratch: Scratch, place: Place, folder: string) {
    this.#scratch = scratch;
    this.#place = place;
    this.folder = folder;
  }

  /** @internal */
  static async start(scratch: Scratch, place: Place, limit: number): Promise<MemoryCgroup> {
    const folder = join(place.folder, basename(scratch.folder));
    scratch.addGroup(folder);
    mkdirSync(folder);
    const group = new MemoryCgroup(scratch, place, folder);
    // What is over the limit is to be taken from the page cache, and not to go to swap.
    if (place.version === 1) await group.#write('memory.swappiness', '0');
    else if (existsSync(join(folder, 'memory.swap.max'))) await group.#write('memory.swap.max', '0');
    await group.setLimit(limit);
    return group;
  }

  /** Bytes. A lower limit than what is used now takes what is too much at once. */
  async setLimit(bytes: number): Promise<void> {
    await this.#write(this.#place.limit, String(bytes));
  }

  /** Bytes that are charged to the group now: of its processes, and of the page cache that they brought in. */
  async usage(): Promise<number> {
    return Number(await readFile(join(this.folder, this.#place.usage), 'utf8'));
  }

  /** Takes from the group all memory that can be taken, as pressure would: the page cache, mapped or not. */
  async reclaim(): Promise<void> {
    if (this.#place.version === 1) return this.#write('memory.force_empty', '0');
    await this.#write('memory.reclaim', String(await this.usage())).catch((error: NodeJS.ErrnoException) => {
      // It took what there was, and that was less than everything.
      if (error.code !== 'EAGAIN') throw error;
    });
  }

  /** Starts a process in the group. */
  start(command: string, words: readonly string[], circumstances: Circumstances = {}, options: SpawnOptions = {}): ChildProcess {
    return start(command, words, { ...circumstances, group: this }, options);
  }

  /** Runs a process in the group to its end. */
  run(command: string, words: readonly string[], circumstances: Circumstances = {}, options: SpawnOptions = {}): Promise<ChildResult> {
    return run(command, words, { ...circumstances, group: this }, options);
  }

  /** Ends the processes of the group and removes it. */
  stop(): Promise<void> {
    return endRig(this.#scratch);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #write(file: string, value: string): Promise<void> {
    return writeFile(join(this.folder, file), value);
  }
}

function findPlace(): Place | undefined {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .map((words) => ({ root: words[3] ?? '', path: words[4] ?? '', type: words[words.indexOf('-') + 1], options: words.at(-1) ?? '' }));
  const own = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const first = mounts.find(({ type, options }) => type === 'cgroup' && options.split(',').includes('memory'));
  if (first) {
    const group =
      own
        .find(([, controllers]) => controllers?.split(',').includes('memory'))
        ?.slice(2)
        .join(':') ?? '/';
    const folder = within(first, group);
    return { folder, limit: 'memory.limit_in_bytes', usage: 'memory.usage_in_bytes', version: 1 };
  }
  const second = mounts.find(({ type }) => type === 'cgroup2');
  if (second === undefined) return undefined;
  const group =
    own
      .find(([number, controllers]) => number === '0' && controllers === '')
      ?.slice(2)
      .join(':') ?? '/';
  // A group that holds processes hands no controller down, so the nearest above that does is the place.
  for (let folder = within(second, group); folder.startsWith(second.path); folder = dirname(folder)) {
    const handedDown = readFileSync(join(folder, 'cgroup.subtree_control'), 'utf8').trim().split(' ');
    if (handedDown.includes('memory')) return { folder, limit: 'memory.max', usage: 'memory.current', version: 2 };
  }
  return undefined;
}

/** The folder of a group, where the mount shows it; the mount itself, where a container shows another part of the tree. */
function within({ root, path }: { root: string; path: string }, group: string): string {
  const below = relative(root, group);
  const folder = below.startsWith('..') ? path : join(path, below);
  return existsSync(folder) ? folder : path;
}
