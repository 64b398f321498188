import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { printable } from './file-names';
import { type Environment, paint, type StreamKind, type Terminal, terminalOf } from './terminal';

/** The two streams of a command: data goes to one, everything that is said about it to the other. */
export class Output {
  readonly data: Terminal;
  readonly narration: Terminal;
  readonly #out: Writable;
  readonly #err: Writable;

  constructor(out: Writable & StreamKind, err: Writable & StreamKind, env: Environment) {
    this.data = terminalOf(out, env);
    this.narration = terminalOf(err, env);
    this.#out = out;
    this.#err = err;
  }

  /** Writes data, and waits until the reader has taken enough of it. */
  async write(text: string): Promise<void> {
    if (!this.#out.write(text)) await once(this.#out, 'drain');
  }

  /** One line about what is going on. */
  say(line: string): void {
    this.#err.write(`${line}\n`);
  }

  /** Writes over the line that the cursor is on, which is never ended: for a terminal only. */
  replaceLine(line: string): void {
    this.#err.write(`\r${line}\u001b[K`);
  }

  /** One line about what went wrong. The text may contain names of files as they are. */
  complain(message: string): void {
    this.say(`${paint(this.narration, 'error', 'nofault:')} ${printable(message)}`);
  }
}

/**
 * Ends the process when its reader has gone (`| head`): without a word, with the exit code that stands so far. Any other failure to write is told and
 * is a failure.
 */
export function endWithReader(stream: Writable, failed: (error: NodeJS.ErrnoException) => never): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    failed(error);
  });
}
