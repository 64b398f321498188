import type { TestFiles } from './test-file';

/** One number that a bench found. */
export interface Figure {
  /** Its name in the JSON. A raw number carries its unit in it, as in `mmap_us_per_page`; a ratio has none. */
  readonly key: string;
  readonly value: number;
  /** First and third quartile over the rounds, where there were rounds. */
  readonly quartiles?: readonly [number, number];
  readonly what: string;
  readonly target?: Target;
}

export type Target = { readonly atLeast: number } | { readonly atMost: number };

export interface Surroundings {
  /** Fewer rounds and smaller files: the same comparison, less certain. */
  readonly quick: boolean;
  readonly files: TestFiles;
  /** Tells a person what goes on. */
  narrate(line: string): void;
}

export interface Bench {
  readonly name: string;
  readonly what: string;
  /** Why it cannot be run here; undefined, or not there, where it can. */
  lacks?(): string | undefined;
  run(surroundings: Surroundings): Promise<Figure[]>;
}
