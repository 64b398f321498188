import { RESIDENT } from '../native';
import type { Pages } from './pages';
import { thisTurn } from './turn';
import { selected, type Vector } from './vector';

/** Entries that are asked about at once at most, when they are wanted one after the other. */
const MOST = 1024;

/** How long a verdict about an entry stands: as long as a board has it, for the turn of the event loop in which it was given, or not at all. */
export type Standing = 'board' | 'turn' | 'never';

/**
 * Which entries of a vector are known to be resident. When no verdict stands, the kernel is asked again, about several entries at once where they are likely
 * to be wanted.
 */
export class Verdicts {
  readonly #pages: Pages;
  readonly #vector: Vector;
  readonly #standing: Standing;
  /** What the first question found, and its turn. */
  readonly #first: Uint8Array;
  readonly #firstTurn: number;
  /** The turn of each entry's last verdict. Made when one is given later than the first. */
  #turns: Uint32Array | undefined;
  #next = -1;
  #stride = 1;

  /** `states` are the answers of a question that is just being asked: RESIDENT for those that are. */
  constructor(pages: Pages, vector: Vector, states: Uint8Array, standing: Standing) {
    this.#pages = pages;
    this.#vector = vector;
    this.#standing = standing;
    this.#first = states;
    this.#firstTurn = standing === 'turn' ? thisTurn() : 0;
  }

  /** Whether the entry is resident by a verdict that still stands. */
  stands(entry: number): boolean {
    if (this.#standing === 'never') return false;
    if (this.#standing === 'board') {
      return this.#pages.stand(this.#vector.first[entry] as number, this.#vector.count[entry] as number);
    }
    // What a mark was put on since looks resident: the kernel has to be asked.
    if (this.#pages.marked) return false;
    const turn = thisTurn();
    return (this.#firstTurn === turn && this.#first[entry] === RESIDENT) || this.#turns?.[entry] === turn;
  }

  /** The entry has been brought in and mapped a moment ago. */
  arrived(entry: number): void {
    if (this.#standing === 'turn' && this.#pages.isMapped(this.#vector.first[entry] as number)) this.#note(entry);
  }

  /** The entry's bytes if they are resident; entries wanted in ascending order are asked about ahead, ever more of them. */
  bytes(entry: number): Uint8Array | undefined {
    if (this.#standing !== 'never' && !this.stands(entry)) {
      this.#stride = entry === this.#next ? Math.min(2 * this.#stride, MOST) : 1;
      this.#next = Math.min(entry + this.#stride, this.#vector.length);
      if (this.#stride > 1) this.askRun(entry, this.#next);
    }
    return this.stands(entry) ? this.#pages.view(this.#vector, entry) : this.#pages.entry(this.#vector, entry, this.#standing);
  }

  /** Asks about the entries from `from` up to `to` at once; what is resident stands for this turn. */
  askRun(from: number, to: number): void {
    if (this.#standing === 'never') return;
    const { first, count } = this.#vector;
    const states = new Uint8Array(to - from);
    for (let i = 0; this.#standing === 'turn' && i < states.length; i++) if (this.stands(from + i)) states[i] = RESIDENT;
    this.#pages.askOpen(first.subarray(from, to), count.subarray(from, to), states, this.#standing);
    for (let i = 0; i < states.length; i++) if (states[i] === RESIDENT) this.#note(from + i);
  }

  /** Asks about some entries at once; what is resident stands for this turn. */
  ask(entries: readonly number[]): void {
    if (this.#standing === 'never') return;
    const open = entries.filter((entry) => !this.stands(entry));
    if (open.length === 0) return;
    const { first, count } = selected(this.#vector, open);
    const states = new Uint8Array(open.length);
    this.#pages.askOpen(first, count, states, this.#standing);
    for (const [i, entry] of open.entries()) if (states[i] === RESIDENT) this.#note(entry);
  }

  #note(entry: number): void {
    if (this.#standing !== 'turn') return;
    this.#turns ??= new Uint32Array(this.#vector.length);
    this.#turns[entry] = thisTurn();
  }
}
