import { RESIDENT } from '../native/file';
import { clock, stillYoung } from './board';
import type { Pages } from './pages';
import { thisTurn } from './turn';
import { selected, type Vector } from './vector';

/** Entries that are asked about at once at most, when they are wanted one after the other. */
const MOST = 1024;

/** Pages of one set that are asked about again on a thread, at most: what is read later than these are would have to be asked about once more. */
const MOST_RENEWED = 65_536;

/** How old a verdict may be, in ms, so that whoever now begins to read does not outlive it. */
const FRESH = 8;

/** The state of an entry that has been brought in, beside what the addon knows of it. */
export const ARRIVED = 3;

/**
 * How long a verdict about an entry stands: as long as a board has it, or it is as young as those on boards; for the turn of the event loop in which it was
 * given; not at all; or for good, where a thread reads the bytes, which may wait.
 */
export type Standing = 'board' | 'turn' | 'never' | 'thread';

/**
 * Which entries of a vector are known to be resident. When no verdict stands, the kernel is asked again, about several entries at once where they are likely
 * to be wanted.
 */
export class Verdicts {
  readonly #pages: Pages;
  readonly #vector: Vector;
  readonly #standing: Standing;
  /** What the first question found, and what has become of it; its turn. */
  readonly #first: Uint8Array;
  readonly #firstTurn: number;
  /** When each entry's last verdict was given, 0 for never: its turn or, where boards are, its time. Made when one is given later than the first. */
  #given: Int32Array | undefined;
  #next = -1;
  #stride = 1;

  /** `states` are the answers of a question that is just being asked: RESIDENT for those that are. Others become ARRIVED. */
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
    if (this.#standing === 'thread') return this.#wasHere(entry);
    if (this.#standing === 'board') {
      return this.#isYoung(entry) || this.#pages.stand(this.#vector.first[entry] as number, this.#vector.count[entry] as number);
    }
    // What a mark was put on since looks resident: the kernel has to be asked.
    if (this.#pages.marked) return false;
    const turn = thisTurn();
    return (this.#firstTurn === turn && this.#first[entry] === RESIDENT) || this.#given?.[entry] === turn;
  }

  /** Whether verdicts stand for good, and all entries have been in memory, unmarked. */
  allStandForGood(): boolean {
    if (this.#standing !== 'thread') return false;
    const states = this.#first;
    const { marked } = this.#pages;
    for (let entry = 0; entry < states.length; entry++) {
      if ((states[entry] !== RESIDENT && states[entry] !== ARRIVED) || (marked && !this.#wasHere(entry))) return false;
    }
    return true;
  }

  /** Whether the entry has been in memory, and no mark was put on it since: that is no more what the file has. */
  #wasHere(entry: number): boolean {
    if (this.#first[entry] !== RESIDENT && this.#first[entry] !== ARRIVED) return false;
    const { first, count } = this.#vector;
    return !this.#pages.marked || this.#pages.markError(first[entry] as number, count[entry] as number) === undefined;
  }

  #isYoung(entry: number): boolean {
    const asOf = this.#given?.[entry];
    // What a mark was put on since looks resident: then only the board is believed.
    return !!asOf && stillYoung(asOf) && !this.#pages.marked && this.#pages.isMapped(this.#vector.first[entry] as number);
  }

  /** The entry has been brought in, and was found to be mapped at `asOf`, by the boards' clock; NaN when it was not. */
  arrived(entry: number, asOf: number): void {
    if (this.#standing === 'turn' && this.#pages.isMapped(this.#vector.first[entry] as number)) this.#note(entry);
    else if (this.#standing === 'board') this.#give(entry, asOf);
  }

  /** By whom `arrived` can be told of this entry. */
  asOf(entry: number): number {
    return (this.#standing === 'board' && this.#given?.[entry]) || Number.NaN;
  }

  /**
   * Asks on a thread about entries that have arrived, or were hits, and whose verdicts may not stand for as long as it takes to read all of them. Undefined
   * when there are none, or when that would be no use.
   */
  renew(): Promise<void> | undefined {
    const { first, count, length } = this.#vector;
    if (this.#standing !== 'board' || length > MOST_RENEWED || this.#pages.closed) return undefined;
    const old: number[] = [];
    const time = clock();
    let pages = 0;
    for (let entry = 0; entry < length; entry++) {
      const asOf = this.#given?.[entry];
      if (asOf ? ((time - asOf) | 0) <= FRESH : this.#first[entry] !== RESIDENT || this.stands(entry)) continue;
      const page = first[entry] as number;
      const covers = count[entry] as number;
      if (covers === 0 || page + covers > this.#pages.pageCount) continue;
      pages += covers;
      old.push(entry);
    }
    if (pages === 0 || pages > MOST_RENEWED) return undefined;
    return this.#askAway(Uint32Array.from(old));
  }

  async #askAway(entries: Uint32Array): Promise<void> {
    const { asOf, unmapped } = await this.#pages.native.mapped(entries, this.#vector.first, this.#vector.count);
    for (const entry of entries) this.#give(entry, asOf);
    for (const entry of unmapped) this.#give(entry, 0);
  }

  /** The entry's bytes if they are resident; entries wanted in ascending order are asked about ahead, ever more of them. */
  bytes(entry: number): Uint8Array | undefined {
    if (this.stands(entry)) return this.#pages.view(this.#vector, entry);
    if (this.#standing !== 'never') {
      this.#stride = entry === this.#next ? Math.min(2 * this.#stride, MOST) : 1;
      this.#next = Math.min(entry + this.#stride, this.#vector.length);
      if (this.#stride > 1) {
        this.askRun(entry, this.#next);
        if (this.stands(entry)) return this.#pages.view(this.#vector, entry);
      }
    }
    return this.#pages.entry(this.#vector, entry, this.#standing);
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
    this.#give(entry, thisTurn());
  }

  #give(entry: number, when: number): void {
    this.#given ??= new Int32Array(this.#vector.length);
    this.#given[entry] = when;
  }
}
