import type { Finding, Verdict } from './doctor/finding';
import { printable } from './file-names';
import { type Colour, paint, type Terminal } from './terminal';

const COLOURS: Readonly<Record<Verdict, Colour>> = { good: 'resident', limited: 'warning', bad: 'error' };

const VERDICT = 'limited'.length;
const NAME = 'MADV_POPULATE_READ'.length;
const VALUE = 30;
const GAP = '  ';

/** From this width on values and what follows from them stand side by side; below, under one another. */
const WIDE = 120;

/** Lines longer than this are hard to read, however wide the terminal. */
const WIDEST = 160;

/** Below this the columns leave no room for words; the terminal breaks the lines itself. */
const NARROWEST = 50;

/** A finding in lines, each as wide as the terminal at most: verdict, name, value, what follows, and what to do. */
export function drawFinding(finding: Finding, terminal: Terminal): string {
  const { verdict, name, value, meaning, advice } = finding;
  const wide = terminal.columns >= WIDE;
  const columns = Math.max(NARROWEST, Math.min(terminal.columns, WIDEST));
  const [nameAt, valueAt] = [VERDICT + GAP.length, VERDICT + NAME + 2 * GAP.length];
  const explained = wide ? columns - valueAt - VALUE - GAP.length : columns - nameAt;
  const values = wrap(printable(value), wide ? VALUE : columns - valueAt);
  const explanation = [
    ...wrap(printable(meaning), explained).map((line) => paint(terminal, 'faint', line)),
    ...(advice === undefined ? [] : wrap(`${arrow(terminal)} ${printable(advice)}`, explained)),
  ];
  const head = `${paint(terminal, COLOURS[verdict], verdict)}${' '.repeat(VERDICT - verdict.length)}${GAP}${name.padEnd(NAME)}${GAP}`;
  const lines = wide
    ? sideBySide(values, explanation).map((line, row) => (row === 0 ? '' : ' '.repeat(valueAt)) + line)
    : [
        ...values.map((line, row) => (row === 0 ? '' : ' '.repeat(valueAt)) + line),
        ...explanation.map((line) => ' '.repeat(nameAt) + line),
      ];
  return `${head}${lines.join('\n')}\n`;
}

function sideBySide(left: readonly string[], right: readonly string[]): string[] {
  return Array.from({ length: Math.max(left.length, right.length) }, (_, row) => {
    const rest = right[row];
    return rest === undefined ? (left[row] as string) : (left[row] ?? '').padEnd(VALUE) + GAP + rest;
  });
}

function arrow({ unicode }: Terminal): string {
  return unicode ? '→' : '->';
}

/** Breaks text at blanks into lines of at most `width` characters; a longer word, such as a path, is broken where the line ends. */
export function wrap(text: string, width: number): string[] {
  const room = Math.max(1, width);
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) as string;
    if (line !== '' && line.length + 1 + word.length <= room) {
      lines[lines.length - 1] = `${line} ${word}`;
      continue;
    }
    const pieces = word.match(new RegExp(`.{1,${room}}`, 'gu')) ?? [''];
    if (line === '') lines.pop();
    lines.push(...pieces);
  }
  return lines;
}
