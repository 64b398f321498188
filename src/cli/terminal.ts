/** What a stream can show. */
export interface Terminal {
  /** Whether a person looks at it, as far as can be known. */
  readonly interactive: boolean;
  /** Characters in a line. */
  readonly columns: number;
  readonly colour: boolean;
  /** Whether characters beyond ASCII may be used for drawing. */
  readonly unicode: boolean;
}

/** The part of a stream that says what it is; `process.stdout` and `process.stderr` are such. */
export interface StreamKind {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export type Colour = 'resident' | 'faint' | 'warning' | 'error' | 'strong';

const DEFAULT_COLUMNS = 80;
const MAX_COLUMNS = 1000;

/** SGR codes of the 16 colours that every theme defines, so that both dark and light ones stay legible. */
const SGR: Readonly<Record<Colour, string>> = { resident: '32', faint: '2', warning: '33', error: '31', strong: '1' };

/** Reads off a stream and the environment what may be written there. */
export function terminalOf(stream: StreamKind, env: Environment): Terminal {
  const interactive = stream.isTTY === true;
  return { interactive, columns: columnsOf(stream, env), colour: hasColour(interactive, env), unicode: hasUnicode(env) };
}

/** `text` in a colour, where the stream has any. */
export function paint(terminal: Terminal, colour: Colour, text: string): string {
  return terminal.colour && text !== '' ? `\u001b[${SGR[colour]}m${text}\u001b[0m` : text;
}

function columnsOf(stream: StreamKind, env: Environment): number {
  const columns = stream.columns ?? Number(env.COLUMNS);
  return Number.isInteger(columns) && columns > 0 ? Math.min(columns, MAX_COLUMNS) : DEFAULT_COLUMNS;
}

/** NO_COLOR (https://no-color.org) wins over FORCE_COLOR, as in the library that prints the help texts. */
function hasColour(interactive: boolean, env: Environment): boolean {
  const force = env.FORCE_COLOR;
  if (env.NO_COLOR || force === '0' || force === 'false') return false;
  if (force) return true;
  return interactive && env.TERM !== 'dumb';
}

/** By the locale, in the order of setlocale(3). The font of the kernel's own console lacks most block characters. */
function hasUnicode(env: Environment): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return /utf-?8/i.test(locale) && env.TERM !== 'linux';
}
