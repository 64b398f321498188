import type { FileResidency, Round } from '../../inspect/contract';
import { FIGURES, type SortKey } from '../inspect/report';
import { nameOf } from '../tree-options';

/** How rounds are shown. */
export interface View {
  /** Cells that a file is cut into. */
  columns(): number;
  show(round: Round): Promise<void>;
  end(): void;
}

export interface ViewOptions {
  readonly sort?: SortKey;
  readonly ascii?: true;
}

/** The files in the order that was asked for, those that failed last. */
export function ordered({ files }: Round, key: SortKey | undefined): readonly FileResidency[] {
  const rank = (file: FileResidency): number => (file.error === undefined ? 0 : 1);
  const figure = key && FIGURES[key];
  const sorted = [...files];
  sorted.sort((a, b) => {
    const byFigure = figure ? figure(b) - figure(a) : 0;
    const byName = key === undefined ? 0 : nameOf(a.path) < nameOf(b.path) ? -1 : 1;
    return rank(a) - rank(b) || byFigure || byName;
  });
  return sorted;
}
