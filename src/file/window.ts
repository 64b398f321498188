import { type Board, bitOf, young } from './board';

/**
 * A stretch of the file that is mapped as one ArrayBuffer, and its board. Its fields are made when they get their values, and never change their type: V8 need
 * not look what it finds in them.
 */
export class Window {
  declare readonly index: number;
  /** Its first page's number. */
  declare readonly firstPage: number;
  declare readonly buffer: Buffer;
  declare readonly memory: ArrayBuffer;
  /** Kept as long as the buffer: see NativeFile.place. */
  declare readonly board: Board;
  /** Bytes of the file that lie in it. */
  declare bytes: number;
  /** To the memory. Made with the window: a new weak reference keeps what it refers to until the end of the turn. */
  declare readonly weak: WeakRef<ArrayBuffer>;
  /** Asked for since the hand of the clock last passed. */
  declare used: boolean;
  /** See Watched. */
  declare since: number;

  constructor(index: number, firstPage: number, buffer: Buffer, board: Board, bytes: number) {
    const memory = buffer.buffer as ArrayBuffer;
    this.index = index;
    this.firstPage = firstPage;
    this.buffer = buffer;
    this.memory = memory;
    this.board = board;
    this.bytes = bytes;
    this.weak = new WeakRef(memory);
    this.used = true;
    this.since = 0;
  }
}

/** Stands where there is no window: no page of a file lies in it, and nothing is on its board. */
const NO_WINDOW = new Window(-1, -(2 ** 30), Buffer.from(new ArrayBuffer(0)), new Int32Array(2), 0);

/** Windows of one file at most that are found at their place in an array; as many others share each place. 32 GiB. */
const MOST_PLACES = 1024;

/**
 * The windows that a file has now, by their numbers, of which it may have any: it takes no more memory than there are windows, wherever they lie. Those that
 * were used last are found by one look into a short array that never has holes, for V8 finds its way through those fast.
 */
export class WindowTable {
  readonly #all = new Map<number, Window>();
  #recent: Window[];

  /** `windows` is how many the file can have. */
  constructor(windows: number) {
    this.#recent = places(windows);
  }

  /** At place `index & (recent.length - 1)` the window with that number, or another one, or one that has no pages. */
  get recent(): readonly Window[] {
    return this.#recent;
  }

  /** `index` is at least 0. */
  get(index: number): Window | undefined {
    const place = index & (this.#recent.length - 1);
    const there = this.#recent[place] as Window;
    if (there.index === index) return there;
    const window = this.#all.get(index);
    if (window !== undefined) this.#recent[place] = window;
    return window;
  }

  add(window: Window): void {
    this.#all.set(window.index, window);
  }

  delete({ index }: Window): void {
    this.#all.delete(index);
    const place = index & (this.#recent.length - 1);
    if (this.#recent[place]?.index === index) this.#recent[place] = NO_WINDOW;
  }

  clear(): void {
    this.#all.clear();
    this.#recent.fill(NO_WINDOW);
  }

  /** The file can have so many windows now. */
  resize(windows: number): void {
    this.#recent = places(windows);
  }
}

function places(windows: number): Window[] {
  const list = [NO_WINDOW];
  while (list.length < Math.min(windows, MOST_PLACES)) list.push(...list);
  return list;
}

/**
 * The window of a page, if a table's `recent` has it at hand; none that there is for whatever is no number of a page of the file. Windows start every 2 to the
 * power of `stride` pages.
 */
export function near(recent: readonly Window[], stride: number, page: number): Window | undefined {
  const window = recent[(page >>> stride) & (recent.length - 1)] as Window;
  const at = page - window.firstPage;
  if ((at & ((1 << stride) - 1)) !== at) return undefined;
  window.used = true;
  return window;
}

/** The window of a page that is on its board; `since` is what `bound` has just said. Whatever is no number of a page of the file is on no board. */
export function standing(recent: readonly Window[], stride: number, page: number, since: number): Window | undefined {
  if (typeof page !== 'number') return undefined;
  const window = recent[(page >>> stride) & (recent.length - 1)] as Window;
  const at = page - window.firstPage;
  if ((at & ((1 << stride) - 1)) !== at) return undefined;
  if (window.since !== since && !young(window, since)) return undefined;
  if (bitOf(window.board, at) === 0) return undefined;
  window.used = true;
  return window;
}

/**
 * Copies page numbers from place `from` to `to` as long as they are on boards that have been found young by the bound `since`; the place of the first that is
 * not. It calls nobody: a loop that does would check everything anew in each turn.
 */
export function copyStanding(
  recent: readonly Window[],
  stride: number,
  numbers: Uint32Array,
  copy: number[],
  from: number,
  to: number,
  since: number,
): number {
  const places = recent.length - 1;
  const within = (1 << stride) - 1;
  for (let i = from; i < to; i++) {
    const page = numbers[i] as number;
    const window = recent[(page >>> stride) & places] as Window;
    const at = page - window.firstPage;
    if ((at & within) !== at || window.since !== since || bitOf(window.board, at) === 0) return i;
    window.used = true;
    copy[i] = page;
  }
  return to;
}
