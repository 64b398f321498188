import type { Command } from 'commander';
import type { Output } from './output';

/** The exit codes of every command. `failed`: something that was asked for could not be done, the rest was. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** The module of a command. */
export interface CommandModule {
  /** Adds arguments, options, help and the action. Must not load the library: that is the action's business, so that `--help` needs no addon. */
  declare(command: Command, output: Output): void;
}
