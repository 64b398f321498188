import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { builtPackage } from './built-package';
import { type ChildResult, finished } from './rigs/children';

/** Runs one of test/programs in a Node process of its own, with the built package as its first word, and waits until it ends by itself. */
export function runProgram(name: string, words: readonly string[] = [], nodeOptions: readonly string[] = []): Promise<ChildResult> {
  const child = spawn(process.execPath, [...nodeOptions, programPath(name), builtPackage(), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return finished(child);
}

export function programPath(name: string): string {
  return join(__dirname, 'programs', name);
}
