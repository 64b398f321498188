import { cellEnd } from '../../inspect/cells';
import type { FileName, FileResidency, Round } from '../../inspect/contract';
import { messageOf } from '../failures';
import { printable } from '../file-names';
import { formatBytes, formatShare } from '../format-bytes';
import { type Cell, drawMap } from '../map-line';
import type { Output } from '../output';
import { paint, type Terminal } from '../terminal';
import { nameOf } from '../tree-options';
import { ordered, type View, type ViewOptions } from './view';

/** DEC private modes: another screen that leaves the one before as it was, no cursor, and no wrapping of long lines. */
const BEGIN = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const END = '\u001b[?7h\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';

/** A table that is drawn over itself where a person looks at it; elsewhere one after the other. */
export function liveTable(output: Output, options: ViewOptions): View {
  const onScreen = output.data.interactive;
  let before = new Map<FileName, number>();
  let totalBefore: number | undefined;
  let begun = false;
  // As it is now: the window may have changed.
  const terminal = (): Terminal => {
    const columns = process.stdout.columns ?? output.data.columns;
    return { ...output.data, columns, ...(options.ascii && { unicode: false }) };
  };

  return {
    columns: () => terminal().columns,
    async show(round) {
      const rows = onScreen ? (process.stdout.rows ?? 24) : Number.POSITIVE_INFINITY;
      const lines = draw(round, ordered(round, options.sort), { before, totalBefore }, terminal(), rows);
      before = new Map(round.files.map(({ path, residentBytes }) => [keyOf(path), residentBytes]));
      totalBefore = round.totals.residentBytes;
      if (!onScreen) {
        await output.write(`${lines.join('\n')}\n\n`);
        return;
      }
      const start = begun ? HOME : `${BEGIN}${HOME}`;
      begun = true;
      await output.write(`${start}${lines.map((line) => `${line}${REST_OF_LINE}`).join('\r\n')}${REST_OF_SCREEN}`);
    },
    end() {
      if (begun) void output.write(END);
      begun = false;
    },
  };
}

interface Before {
  readonly before: ReadonlyMap<FileName, number>;
  readonly totalBefore: number | undefined;
}

/** At most so many lines. */
function draw(round: Round, files: readonly FileResidency[], { before, totalBefore }: Before, terminal: Terminal, rows: number): string[] {
  const { totals } = round;
  const time = new Date(round.time).toTimeString().slice(0, 8);
  const lines = [paint(terminal, 'faint', row('resident', 'change', 'size', 'share', time))];
  const { residentBytes, unknownBytes, size } = totals;
  const sum = figures({ residentBytes, unknownBytes, size }, totalBefore, terminal);
  const failed = totals.failed === 0 ? '' : paint(terminal, 'error', `, ${totals.failed} could not be looked at`);
  lines.push(`${sum}  ${totals.files} ${totals.files === 1 ? 'file' : 'files together'}${failed}`);
  let shown = 0;
  for (const file of files) {
    const some = fileLines(file, before.get(keyOf(file.path)), terminal);
    // The last line says how many are not shown.
    const reserve = shown === files.length - 1 ? 0 : 1;
    if (lines.length + some.length + reserve > rows) break;
    lines.push(...some);
    shown += 1;
  }
  const left = files.length - shown;
  if (left > 0) lines.push(paint(terminal, 'faint', `and ${left} more, for which there is no room: --sort, --include or fewer paths`));
  return lines;
}

function fileLines(file: FileResidency, before: number | undefined, terminal: Terminal): string[] {
  const name = nameOf(file.path);
  if (file.error !== undefined) return [`${paint(terminal, 'error', 'failed'.padStart(10))}  ${printable(messageOf(file.error, name))}`];
  const line = `${figures(file, before, terminal)}  ${paint(terminal, 'strong', printable(name))}`;
  const drawing = drawMap(cellsOf(file), terminal);
  return drawing === '' ? [line] : [line, drawing];
}

type Figures = Pick<FileResidency, 'residentBytes' | 'unknownBytes' | 'size'>;

function figures({ residentBytes, unknownBytes, size }: Figures, before: number | undefined, terminal: Terminal): string {
  if (size > 0 && unknownBytes === size) return row(paint(terminal, 'warning', 'unknown'.padStart(10)), '', formatBytes(size), '?');
  const known = unknownBytes === 0 ? '' : '>';
  const change = before === undefined ? 0 : residentBytes - before;
  const colour = change < 0 ? 'warning' : 'resident';
  const signed = change === 0 ? '' : `${change < 0 ? '-' : '+'}${formatBytes(Math.abs(change))}`;
  return row(
    `${known}${formatBytes(residentBytes)}`,
    paint(terminal, colour, signed.padStart(11)),
    formatBytes(size),
    `${known}${formatShare(residentBytes, size)}`,
  );
}

function row(resident: string, change: string, size: string, share: string, rest?: string): string {
  const columns = [resident.padStart(10), change.padStart(11), size.padStart(10), share.padStart(7)];
  return (rest === undefined ? columns : [...columns, rest]).join('  ');
}

/** What the kernel does not tell is drawn as unknown, never as missing. */
function cellsOf({ cells, size, pageSize, unknownBytes }: FileResidency): Cell[] {
  if (cells === undefined) return size === 0 ? [] : [{ bytes: size, residentBytes: 0, unknownBytes }];
  let start = 0;
  return Array.from(cells, (residentBytes, cell) => {
    const end = cellEnd(cell, cells.length, size, pageSize);
    const bytes = end - start;
    start = end;
    return { bytes, residentBytes, unknownBytes: 0 };
  });
}

/** Buffers of the same bytes are not the same key. */
function keyOf(path: FileName): string {
  return typeof path === 'string' ? path : path.toString('latin1');
}
