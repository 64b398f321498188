import type { FileResidency, Totals } from '../../inspect/contract';

/** How a kind of answer is written. */
export interface Report {
  file(name: string, file: FileResidency): Promise<void>;
  /** It has been complained of already. */
  failure(name: string, error: unknown): Promise<void>;
  /** `shown` files have been written; the totals are of all of them, shown or not. */
  end(totals: Totals, shown: number): Promise<void>;
}

export const SORT_KEYS = ['resident', 'missing', 'share', 'size', 'name'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** Hands files on when all of them are known: by name, or the largest figure first. */
export class Sorted implements Report {
  readonly #report: Report;
  readonly #key: SortKey;
  readonly #files: { readonly name: string; readonly file: FileResidency }[] = [];

  constructor(report: Report, key: SortKey) {
    this.#report = report;
    this.#key = key;
  }

  async file(name: string, file: FileResidency): Promise<void> {
    this.#files.push({ name, file });
  }

  failure(name: string, error: unknown): Promise<void> {
    return this.#report.failure(name, error);
  }

  async end(totals: Totals, shown: number): Promise<void> {
    const figure = FIGURES[this.#key];
    this.#files.sort((a, b) => (figure ? figure(b.file) - figure(a.file) : 0) || (a.name < b.name ? -1 : 1));
    for (const { name, file } of this.#files) await this.#report.file(name, file);
    await this.#report.end(totals, shown);
  }
}

/** What files are sorted by. */
export const FIGURES: Readonly<Record<SortKey, ((file: FileResidency) => number) | undefined>> = {
  resident: ({ residentBytes }) => residentBytes,
  missing: ({ size, residentBytes, unknownBytes }) => size - residentBytes - unknownBytes,
  share: ({ size, residentBytes }) => (size === 0 ? 0 : residentBytes / size),
  size: ({ size }) => size,
  name: undefined,
};
