import type { Failure, Range, Read } from './faults';

/** What a server can be told, and what it answers. */
export interface Verbs {
  delay(ms: number, name?: string): void;
  fail(name: string, failure: Failure): void;
  hang(name: string, range: Range): void;
  hangEverything(): void;
  hung(name?: string): number;
  release(name?: string): void;
  heal(name?: string): void;
  truncate(name: string, size: number): void;
  revoke(name: string): Promise<void>;
  reads(name?: string): readonly Read[];
  forgetReads(): void;
  startTrace(): void;
  endTrace(): readonly Read[];
}

export interface Order {
  readonly id: number;
  readonly verb: keyof Verbs;
  readonly words: readonly unknown[];
}

export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}
