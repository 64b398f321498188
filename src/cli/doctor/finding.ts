import { getSystemErrorName } from 'node:util';

/** `good`: nothing stands in the way. `limited`: it works, with what is said. `bad`: it does not do what nofault is for. */
export type Verdict = 'good' | 'limited' | 'bad';

/** What was found out about one thing. */
export interface Finding {
  /** What it is about, in a word or three. */
  readonly name: string;
  readonly verdict: Verdict;
  /** For people. */
  readonly value: string;
  /** What follows from it for who uses nofault here, in a sentence. */
  readonly meaning: string;
  /** What would change it; absent where there is nothing to do. */
  readonly advice?: string;
  /** For programs; the names end in their unit. `null` where it could not be found out. */
  readonly facts: Readonly<Record<string, string | number | boolean | null>>;
}

/** By the keys of the JSON that docs/cli.md describes, in the order in which they are shown. */
export type Findings = Readonly<Record<string, Finding>>;

/** Findings that are shown together, under a title. */
export interface Group {
  readonly title: string;
  readonly findings: Findings;
}

const FROM_GOOD_TO_BAD: readonly Verdict[] = ['good', 'limited', 'bad'];

/** The worst verdict among findings; `good` where there are none. */
export function worst(findings: readonly Finding[]): Verdict {
  return FROM_GOOD_TO_BAD[Math.max(0, ...findings.map(({ verdict }) => FROM_GOOD_TO_BAD.indexOf(verdict)))] as Verdict;
}

/** `EPERM` for 1. */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno);
}

/** `1,234`, the same in every locale. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}
