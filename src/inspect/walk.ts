import { constants } from 'node:fs';
import { addon, type FolderHandle, type Listing, type NativeFolder } from '../native';
import { ASK, ENTRY, ROW, SYSCALLS } from '../native/inspection';
import type { FileResidency, Paths, TreeOptions } from './contract';
import type { Counting } from './counting';
import { notOnDisk, notRegular, refusal, refusalOf } from './failures';
import { type Filter, filterOf } from './globs';
import { fileName, fileNamesIn, joined, type Name, namesIn, packed, within } from './names';
import { checkPaths } from './paths';
import { failure, Residencies } from './residencies';
import { SeenFiles } from './seen-files';

/** Entries of a folder that are read at once, and files that are asked for by name. */
const BATCH = 1024;
const BATCH_OF_GIVEN = 256;
/** Folders in one folder that are opened before it is their turn. */
const AHEAD = 4;

/** A path that was given, and what it is. */
interface Given {
  readonly name: Name;
  readonly mode: number;
  readonly device: number;
  /** Of the kind of its file system. */
  readonly countsPages: boolean;
  /** Why it cannot be looked at. */
  readonly error?: FileResidency['error'];
}

/** A folder that is being read, and where in it the walk is. */
interface Level {
  readonly folder: NativeFolder;
  /** What the names of its entries begin with. */
  readonly start: Name;
  /** The same below the folder that was given: empty, or it ends with a slash. */
  readonly below: string;
  /** Folders in it that have been listed and not been opened. */
  readonly folders: Name[];
  /** Those that are being opened, before it is their turn to be walked. */
  readonly ahead: { readonly name: Name; readonly opened: Promise<Outcome<NativeFolder>> }[];
  /** The entries that are being read; undefined at the end. */
  next: Promise<Outcome<Listing>> | undefined;
}

type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/**
 * Walks over files and trees and looks at each file, in batches. Folders are read while what was read before is being used. At most one batch of each folder from the
 * one that was given down to the one that is being read is held.
 */
export class Walk implements AsyncIterable<FileResidency[]> {
  readonly #names: readonly Name[];
  readonly #options: TreeOptions;
  readonly #counting: Counting;
  readonly #filter: Filter | undefined;
  readonly #seen = new SeenFiles();

  /** Throws for wrong arguments. */
  constructor(paths: Paths, options: TreeOptions, counting: Counting) {
    this.#names = checkPaths(paths);
    this.#options = options;
    this.#counting = counting;
    this.#filter = filterOf(options);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FileResidency[], void, undefined> {
    const { signal, recursive = true } = this.#options;
    signal?.throwIfAborted();
    const given = await this.#lookAtGiven();
    for (let from = 0; from < given.length; ) {
      signal?.throwIfAborted();
      const one = given[from] as Given;
      if (one.error === undefined && one.mode === constants.S_IFDIR && recursive) {
        yield* this.#walkFrom(one);
        from += 1;
      } else if (one.error !== undefined || one.mode !== constants.S_IFREG) {
        const path = fileName(one.name);
        yield [failure(path, one.error ?? notRegular(path, one.mode), addon().pageSize)];
        from += 1;
      } else {
        const bits = this.#counting.bits(one.device, one.countsPages) | ASK.follow;
        let to = from + 1;
        while (to < given.length && to - from < BATCH_OF_GIVEN && this.#isAlike(given[to] as Given, bits)) to += 1;
        const names = given.slice(from, to).map(({ name }) => name);
        const files = await this.#survey(names, bits);
        yield files;
        from += files.length;
      }
    }
  }

  /** What each path is, before any of it is opened. */
  async #lookAtGiven(): Promise<Given[]> {
    const given: Given[] = [];
    while (given.length < this.#names.length) {
      this.#options.signal?.throwIfAborted();
      const names = this.#names.slice(given.length, given.length + BATCH);
      const { rows } = await addon().survey(packed(names), ASK.follow | ASK.fileSystem, 0);
      for (let row = 0; row < rows.length; row += ROW.length) {
        const name = names[row / ROW.length] as Name;
        const path = fileName(name);
        const errno = rows[row + ROW.errno] as number;
        const mode = rows[row + ROW.mode] as number;
        const found = { name, mode, device: rows[row + ROW.device] as number, countsPages: rows[row + ROW.countsPages] === 1 };
        if (errno !== 0) given.push({ ...found, error: refusal(path, errno, SYSCALLS[rows[row + ROW.syscall] as number]) });
        else if (rows[row + ROW.interface] === 1) given.push({ ...found, error: notOnDisk(path) });
        else given.push(found);
        if (mode === constants.S_IFREG) this.#seen.expect(rows, row);
      }
    }
    return given;
  }

  #isAlike({ error, mode, device, countsPages }: Given, bits: number): boolean {
    return error === undefined && mode === constants.S_IFREG && (this.#counting.bits(device, countsPages) | ASK.follow) === bits;
  }

  /** The first of these files; at least one. */
  async #survey(names: readonly Name[], bits: number, folder?: FolderHandle, start?: Name): Promise<FileResidency[]> {
    const surveyed = await addon().survey(packed(names), bits, this.#counting.wanted.cells, folder);
    const residencies = new Residencies(surveyed, this.#counting);
    const files: FileResidency[] = [];
    for (let i = 0; i < residencies.length; i++) {
      const name = names[i] as Name;
      files.push(residencies.file(i, fileName(start === undefined ? name : joined(start, name)), this.#seen));
    }
    return files;
  }

  async *#walkFrom({ name }: Given): AsyncGenerator<FileResidency[], void, undefined> {
    const { signal, oneFileSystem = false } = this.#options;
    const first = await outcome(addon().openFolder(name.bytes, true));
    if ('error' in first) {
      yield [this.#failed(name, first.error)];
      return;
    }
    const device = first.value.device;
    const levels: Level[] = [];
    const enter = (folder: NativeFolder, start: Name, below: string): FileResidency | undefined => {
      const { handle, inode } = folder;
      const wrong = folder.interface ? notOnDisk(fileName(start)) : undefined;
      if (wrong || (oneFileSystem && folder.device !== device) || this.#seen.folderAgain(folder.device, inode)) {
        addon().closeFolder(handle);
        return wrong && failure(fileName(start), wrong, addon().pageSize);
      }
      const next = folder.first === undefined ? this.#read(folder) : Promise.resolve({ value: folder.first });
      levels.push({ folder, start: within(start), below, folders: [], ahead: [], next });
      return undefined;
    };
    try {
      const refused = enter(first.value, name, '');
      if (refused) yield [refused];
      while (levels.length > 0) {
        signal?.throwIfAborted();
        const level = levels.at(-1) as Level;
        this.#openAhead(level);
        const inner = level.ahead.shift();
        if (inner !== undefined) {
          const start = joined(level.start, inner.name);
          const opened = await inner.opened;
          const failed =
            'error' in opened ? this.#failed(start, opened.error) : enter(opened.value, start, `${level.below}${inner.name.bytes}/`);
          if (failed) yield [failed];
        } else if (level.next === undefined) {
          addon().closeFolder(level.folder.handle);
          levels.pop();
        } else {
          yield* this.#entries(level);
        }
      }
    } finally {
      for (const { folder, ahead } of levels) {
        addon().closeFolder(folder.handle);
        for (const { opened } of ahead) void opened.then((inner) => 'value' in inner && addon().closeFolder(inner.value.handle));
      }
    }
  }

  /** Keeps several folders on their way, for each takes turns of the loop and of a thread. */
  #openAhead({ folder, folders, ahead }: Level): void {
    const question = this.#question(folder);
    while (ahead.length < AHEAD && folders.length > 0) {
      const name = folders.pop() as Name;
      ahead.push({ name, opened: outcome(addon().openFolder(name.bytes, false, folder.handle, BATCH, ...question)) });
    }
  }

  #read(folder: NativeFolder): Promise<Outcome<Listing>> {
    return outcome(addon().readFolder(folder.handle, BATCH, ...this.#question(folder)));
  }

  /** What to ask about a folder's files while it is read: nothing where there is a filter, which looks at names before anything is opened. */
  #question({ device, countsPages }: NativeFolder): [] | [bits: number, cells: number] {
    return this.#filter === undefined ? [this.#counting.bits(device, countsPages), this.#counting.wanted.cells] : [];
  }

  /** The files of a folder's next entries, and what cannot be looked at. Folders are left for later. */
  async *#entries(level: Level): AsyncGenerator<FileResidency[], void, undefined> {
    const { folder, start } = level;
    const listed = await (level.next as Promise<Outcome<Listing>>);
    level.next = undefined;
    if ('error' in listed) {
      yield [this.#failed(start, listed.error)];
      return;
    }
    const listing = listed.value;
    if (!listing.end) level.next = this.#read(folder);
    const entries = this.#filter === undefined ? this.#surveyedEntries(listing, level) : this.#chosenEntries(listing, level);
    if (entries.files.length > 0) yield entries.files;
    for (let rest = entries.rest; rest.length > 0; ) {
      this.#options.signal?.throwIfAborted();
      const files = await this.#survey(rest, this.#counting.bits(folder.device, folder.countsPages), folder.handle, start);
      yield files;
      rest = rest.slice(files.length);
    }
    if (listing.errno !== 0) {
      const path = fileName(start);
      yield [failure(path, refusal(path, listing.errno, 'getdents64', 'read the folder'), addon().pageSize)];
    }
  }

  /** Where regular files have been looked at already: as many as there was time for. */
  #surveyedEntries(listing: Listing, { start, folders }: Level): { files: FileResidency[]; rest: Name[] } {
    const { names, kinds } = listing;
    const residencies = new Residencies(listing, this.#counting);
    const paths = fileNamesIn(start, names);
    const files: FileResidency[] = [];
    // Parsed only when needed.
    let parsed: Name[] | undefined;
    const nameAt = (index: number): Name => {
      parsed ??= namesIn(names);
      return parsed[index] as Name;
    };
    const rest: Name[] = [];
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[i] as number;
      if (kind === ENTRY.folder) folders.push(nameAt(i));
      else if (kind === ENTRY.link) continue;
      else if (kind === ENTRY.file && i >= residencies.length) rest.push(nameAt(i));
      else if (kind === ENTRY.file) files.push(residencies.file(i, paths[i] as string, this.#seen));
      else files.push(this.#otherKind(joined(start, nameAt(i)), kind));
    }
    return { files, rest };
  }

  #chosenEntries({ names, kinds }: Listing, { start, below, folders }: Level): { files: FileResidency[]; rest: Name[] } {
    const filter = this.#filter as Filter;
    const files: FileResidency[] = [];
    const rest: Name[] = [];
    for (const [i, name] of namesIn(names).entries()) {
      const kind = kinds[i] as number;
      const path = `${below}${name.bytes}`;
      if (kind === ENTRY.folder) {
        if (filter.takesFolder(path)) folders.push(name);
      } else if (kind !== ENTRY.link && filter.takesFile(path)) {
        if (kind === ENTRY.file) rest.push(name);
        else files.push(this.#otherKind(joined(start, name), kind));
      }
    }
    return { files, rest };
  }

  #otherKind(name: Name, kind: number): FileResidency {
    const path = fileName(name);
    // The kinds of readdir(3) are those of a mode, shifted.
    return failure(path, notRegular(path, kind << 12), addon().pageSize);
  }

  #failed(name: Name, error: unknown): FileResidency {
    const path = fileName(name);
    return failure(path, refusalOf(path, error), addon().pageSize);
  }
}

/** So that what is read ahead and never looked at is no unhandled rejection. */
function outcome<T>(promise: Promise<T>): Promise<Outcome<T>> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}
