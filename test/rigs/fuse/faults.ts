/** Bytes from `offset` on; without a length to the end of the file, however long it grows. */
export interface Range {
  readonly offset?: number | undefined;
  readonly length?: number | undefined;
}

/** Reads that touch the range fail. */
export interface Failure extends Range {
  /** An error number as in errno(3). */
  readonly errno: number;
  /** How many reads fail before the storage is well again; without it, all. */
  readonly times?: number | undefined;
}

/** A read that reached the server. */
export interface Read {
  readonly name: string;
  readonly offset: number;
  /** Bytes asked for. */
  readonly length: number;
  /** Milliseconds since the server started: when it came, and when it was answered (absent while it is not). */
  readonly came: number;
  answered?: number;
  /** The error number that it was answered with. */
  errno?: number;
}

interface Parked {
  readonly name: string | undefined;
  go(): void;
}

/** What is wrong with the storage at this moment: delays, failures and hangs, a file at a time. */
export class Faults {
  #delayOfAll = 0;
  readonly #delays = new Map<string, number>();
  readonly #failures: { name: string; failure: Failure; left: number }[] = [];
  #hangs: { name: string; range: Range }[] = [];
  #everythingHangs = false;
  #parked: Parked[] = [];

  setDelay(ms: number, name?: string): void {
    if (name === undefined) {
      this.#delayOfAll = ms;
      this.#delays.clear();
    } else {
      this.#delays.set(name, ms);
    }
  }

  delayOf(name: string): number {
    return this.#delays.get(name) ?? this.#delayOfAll;
  }

  fail(name: string, failure: Failure): void {
    this.#failures.push({ name, failure, left: failure.times ?? Number.POSITIVE_INFINITY });
  }

  /** The error that this read is to be answered with, 0 for none. A failure that happens a number of times has happened once more. */
  errorFor(name: string, offset: number, length: number): number {
    const found = this.#failures.find((rule) => rule.name === name && touches(rule.failure, offset, length));
    if (found === undefined) return 0;
    found.left -= 1;
    if (found.left <= 0) this.#failures.splice(this.#failures.indexOf(found), 1);
    return found.failure.errno;
  }

  hang(name: string, range: Range): void {
    this.#hangs.push({ name, range });
  }

  hangEverything(): void {
    this.#everythingHangs = true;
  }

  /** Resolves when requests other than reads may go on: at once, unless everything hangs. */
  get way(): Promise<void> | undefined {
    return this.#everythingHangs ? this.#park(undefined) : undefined;
  }

  /** Resolves when this read may go on; undefined where nothing holds it. */
  wayFor(name: string, offset: number, length: number): Promise<void> | undefined {
    if (this.#everythingHangs) return this.#park(name);
    const held = this.#hangs.some((rule) => rule.name === name && touches(rule.range, offset, length));
    return held ? this.#park(name) : undefined;
  }

  /** Reads (and other requests, where everything hangs) that wait for a release. */
  hung(name?: string): number {
    return this.#parked.filter((parked) => name === undefined || parked.name === name).length;
  }

  /** Lets what hangs go on: of one file, or everything. */
  release(name?: string): void {
    this.#hangs = this.#hangs.filter((rule) => name !== undefined && rule.name !== name);
    if (name === undefined) this.#everythingHangs = false;
    const freed = this.#parked.filter((parked) => name === undefined || parked.name === name);
    this.#parked = this.#parked.filter((parked) => !freed.includes(parked));
    for (const parked of freed) parked.go();
  }

  /** Forgets every fault, of one file or of all. */
  heal(name?: string): void {
    if (name === undefined) this.setDelay(0);
    else this.#delays.delete(name);
    for (let i = this.#failures.length - 1; i >= 0; i--) {
      if (name === undefined || this.#failures[i]?.name === name) this.#failures.splice(i, 1);
    }
    this.release(name);
  }

  #park(name: string | undefined): Promise<void> {
    return new Promise((go) => this.#parked.push({ name, go }));
  }
}

function touches({ offset = 0, length = Number.POSITIVE_INFINITY }: Range, from: number, count: number): boolean {
  return from < offset + length && offset < from + count;
}
