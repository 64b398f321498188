import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { finished } from './children';

/** The checkout, from a source as well as from a compiled program in .build. */
export const ROOT_FOLDER = ((): string => {
  for (let folder = __dirname; ; folder = dirname(folder)) if (existsSync(join(folder, 'package.json'))) return folder;
})();

/** A program of the rigs, compiled: tests run as TypeScript, and their rigs' programs as plain Node processes. */
export function rigProgram(...path: string[]): string {
  const compiled = join(ROOT_FOLDER, '.build', 'test', 'rigs', ...path);
  if (!existsSync(compiled)) throw new Error(`${compiled} is missing: node scripts/ready.mjs --programs makes it`);
  return compiled;
}

/** Tools of the administrator lie where an ordinary PATH does not look. */
const PATH = [process.env.PATH ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(delimiter);

/** Runs a system tool to its end and returns what it printed; rejects with what it said on stderr. */
export async function tool(command: string, words: readonly string[]): Promise<string> {
  const { code, signal, stdout, stderr } = await finished(
    spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH, LC_ALL: 'C' } }),
  );
  if (code === 0) return stdout;
  throw new Error(`${command} ${words.join(' ')} failed (${signal ?? `exit code ${code}`}): ${stderr.trim()}`);
}

/** Whether a program of this name can be run. */
export function hasTool(name: string): boolean {
  return PATH.split(delimiter).some((folder) => existsSync(join(folder, name)));
}

/** Why this process may not mount; undefined where it may. */
export function mountingLacks(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  const CAP_SYS_ADMIN = 21n;
  const rights = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  if (((BigInt(`0x${rights}`) >> CAP_SYS_ADMIN) & 1n) === 0n) return 'needs the right to mount (CAP_SYS_ADMIN)';
  return undefined;
}

/** Asks again every few milliseconds until the answer is true; rejects after `limit` ms with what was waited for. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limit = 30_000): Promise<void> {
  const end = performance.now() + limit;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${limit} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
