import { NofaultError } from '../errors';
import type { GetOptions, OpenOptions } from '../file/contract';
import type { MappedFile } from '../file/mapped-file';
import { open } from '../file/open';
import { sizeOf } from './combine';
import { Blocks } from './directory/blocks';
import { bind, type Columns, columnNamed } from './expression/bind';
import type { Question, Refuse } from './expression/question';
import { questionOf, refuseIn } from './expression/text';
import type { Column, Header } from './format';
import { readColumns, reading, readingLater } from './reading';
import { resolve } from './resolve';
import { Scanner } from './scanner';
import type { Tree } from './tree';

/** Texts whose trees are kept, so that a query that comes again costs its scan only. */
const MOST_KEPT = 256;

/** Characters of such a text, and nodes of its tree. */
const LONGEST_KEPT = 4096;
const LARGEST_KEPT = 512;

/** An expression that is longer is never answered at once: reading it alone would hold the loop. */
const LONGEST_NOW = 16_384;

/** What is asked for: a text, or what an object turned out to be. */
export type Asked = string | Question;

/** One file of an index, which is never changed: an index that is rebuilt has another one. */
export class Edition {
  readonly file: MappedFile;
  readonly header: Header;
  readonly columns: readonly Column[];
  readonly blocks: Blocks;
  readonly scanner: Scanner;
  readonly #byName: Columns;
  /** By text; those used least recently come first. */
  readonly #kept = new Map<string, Tree>();
  #users = 0;
  /** What waits for the last of them. */
  #left: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  static async open(path: Parameters<typeof open>[0], options: OpenOptions): Promise<Edition> {
    const file = await open(path, options);
    try {
      const { header, columns } = await readColumns(file, options.signal);
      return new Edition(file, header, columns);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  private constructor(file: MappedFile, header: Header, columns: readonly Column[]) {
    this.file = file;
    this.header = header;
    this.columns = columns;
    this.blocks = new Blocks(file, header);
    this.scanner = new Scanner(file, header.rowCount);
    this.#byName = new Map(columns.map((column) => [column.name, column]));
  }

  /** The bitmaps that an expression needs, if all that says so is in memory; else undefined. Throws `BAD_EXPRESSION` and `BAD_FORMAT`. */
  treeNow(asked: Asked): Tree | undefined {
    const kept = this.#keptTree(asked);
    if (kept !== undefined) return kept;
    if (typeof asked === 'string' && asked.length > LONGEST_NOW) return undefined;
    const search = resolve(this.#bound(asked));
    const tree = reading(this.file.path, () => this.blocks.runNow(search));
    if (tree !== undefined) this.#keep(asked, tree);
    return tree;
  }

  /** The same, waiting for what is not here. */
  async tree(asked: Asked, options: GetOptions = {}): Promise<Tree> {
    const kept = this.#keptTree(asked);
    if (kept !== undefined) return kept;
    const search = resolve(this.#bound(asked));
    const tree = await readingLater(this.file.path, () => this.blocks.run(search, options));
    this.#keep(asked, tree);
    return tree;
  }

  /** The column of this name; throws `BAD_EXPRESSION` where there is none. */
  column(name: string): Column {
    return columnNamed({ name, at: 'column' }, this.#byName, refuse);
  }

  /** Runs a query, which may take as long as it likes: the file stays open until it has ended, also when the edition is retired meanwhile. */
  async use<T>(query: () => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await query();
    } finally {
      this.leave();
    }
  }

  /** The same for a query that ends later, with `leave`. */
  enter(): void {
    this.#users++;
  }

  leave(): void {
    this.#users--;
    if (this.#users === 0) this.#left?.();
  }

  /** Closes it as soon as nobody uses it any more. */
  async retire(): Promise<void> {
    if (this.#users > 0) {
      await new Promise<void>((resolve) => {
        this.#left = resolve;
      });
    }
    await this.close();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.scanner.close();
    await this.file.close();
  }

  #bound(asked: Asked) {
    return typeof asked === 'string'
      ? bind(questionOf(asked), this.#byName, (message, at) => refuseIn(asked, message, at))
      : bind(asked, this.#byName, refuse);
  }

  #keptTree(asked: Asked): Tree | undefined {
    if (typeof asked !== 'string') return undefined;
    const tree = this.#kept.get(asked);
    if (tree !== undefined) {
      this.#kept.delete(asked);
      this.#kept.set(asked, tree);
    }
    return tree;
  }

  #keep(asked: Asked, tree: Tree): void {
    if (typeof asked !== 'string' || asked.length > LONGEST_KEPT || sizeOf(tree, LARGEST_KEPT) > LARGEST_KEPT) return;
    this.#kept.set(asked, tree);
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value as string);
  }
}

/** Refuses an object that does not fit the index, naming the place in it. */
const refuse: Refuse = (message, at) => {
  throw new NofaultError('BAD_EXPRESSION', `${message} (${at})`);
};
