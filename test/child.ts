import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { builtPackage } from './built-package';

export interface ChildResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one of test/programs in a Node process of its own, with the built package as its first word, and waits until it ends by itself. */
export function runProgram(name: string, words: readonly string[] = [], nodeOptions: readonly string[] = []): Promise<ChildResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeOptions, programPath(name), builtPackage(), ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

export function programPath(name: string): string {
  return join(__dirname, 'programs', name);
}
