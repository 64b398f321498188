import { type SpawnOptions, spawn } from 'node:child_process';
import { join } from 'node:path';

export const PROGRAM = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Nothing of the environment that the tests were started in may decide what is printed. */
const NEUTRAL_ENV = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', TERM: 'xterm' };

/** Runs the built program to its end, its streams being pipes. */
export function nofault(args: readonly string[], env: Record<string, string> = {}, options: SpawnOptions = {}): Promise<Finished> {
  return finish(process.execPath, [PROGRAM, ...args], env, options);
}

export function finish(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  options: SpawnOptions = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    // A program that hangs fails its test instead of outliving it.
    const child = spawn(command, args, { timeout: 50_000, stdio: ['ignore', 'pipe', 'pipe'], ...options, env: { ...NEUTRAL_ENV, ...env } });
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
