import type { FileResidency, KernelCounts, Totals } from '../../inspect/contract';
import { printable } from '../file-names';
import { formatBytes, formatShare } from '../format-bytes';
import { cellsOf, drawMap, mapLegend } from '../map-line';
import type { Output } from '../output';
import { paint, type Terminal } from '../terminal';
import { drawFullMap } from './full-map';
import type { Report } from './report';

export interface TableOptions {
  readonly ascii?: true;
  /** Whether a map is drawn below each file: on one line, on many, or not at all. */
  readonly map: 'line' | 'full' | 'none';
  /** Whether the kernel's other columns are shown. */
  readonly kernel?: true;
  /** Whether only the sum is shown. */
  readonly total?: true;
}

const KERNEL_COLUMNS = ['dirty', 'writeback', 'evicted', 'recently'] as const;

/** Figures in columns with the name behind them, whatever its length; below them the map. */
export function table(output: Output, options: TableOptions): Report {
  const terminal: Terminal = options.ascii ? { ...output.data, unicode: false } : output.data;
  let begun = false;
  const begin = async (): Promise<void> => {
    if (begun) return;
    begun = true;
    // For the person who sees both streams on one screen; a file or a program that takes the data is spared it.
    const together = output.data.interactive && output.narration.interactive;
    if (together && options.map !== 'none' && !options.total) output.say(`${mapLegend(terminal)}\n`);
    await output.write(`${paint(terminal, 'faint', heading(options.kernel === true))}\n`);
  };
  const line = (file: Figures, rest: string): string => figuresOf(file, options.kernel === true, rest);

  return {
    async file(name, file) {
      if (options.total) return;
      await begin();
      const again = file.again ? ' (again, by another name)' : '';
      await output.write(line(file, `${paint(terminal, 'strong', printable(name))}${again}`));
      if (file.map === undefined || options.map === 'none') return;
      if (options.map === 'full') {
        await output.write(drawFullMap(file.map, terminal));
        return;
      }
      const drawing = drawMap(cellsOf(file.map, terminal.columns), terminal);
      if (drawing !== '') await output.write(`${drawing}\n`);
    },
    async failure() {},
    async end(totals, shown) {
      if (!options.total && totals.files < 2 && shown < 2) return;
      await begin();
      await output.write(line(totals, `${totals.files} ${totals.files === 1 ? 'file' : 'files together'}`));
    },
  };
}

type Figures = Pick<FileResidency, 'size' | 'residentBytes' | 'unknownBytes' | 'kernel'> | Totals;

function heading(kernel: boolean): string {
  return columns('resident', 'size', 'share', kernel ? KERNEL_COLUMNS : [], 'file').trimEnd();
}

function figuresOf({ size, residentBytes, unknownBytes, kernel }: Figures, wide: boolean, rest: string): string {
  const others = wide ? kernelFigures(kernel) : [];
  if (unknownBytes === 0) return columns(formatBytes(residentBytes), formatBytes(size), formatShare(residentBytes, size), others, rest);
  if (unknownBytes === size) return columns('unknown', formatBytes(size), '?', others, rest);
  return columns(
    `>${formatBytes(residentBytes)}`,
    formatBytes(size),
    `>${formatShare(residentBytes, size)}`,
    others,
    `${rest} (${formatBytes(unknownBytes)} unknown)`,
  );
}

function kernelFigures(kernel: KernelCounts | undefined): string[] {
  if (kernel === undefined) return KERNEL_COLUMNS.map(() => '?');
  return [kernel.dirtyBytes, kernel.writebackBytes, kernel.evictedBytes, kernel.recentlyEvictedBytes].map(formatBytes);
}

function columns(resident: string, size: string, share: string, others: readonly string[], rest: string): string {
  const figures = [resident.padStart(10), size.padStart(10), share.padStart(7), ...others.map((text) => text.padStart(10)), rest];
  return `${figures.join('  ')}\n`;
}
