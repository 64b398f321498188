import { invalidArgument } from '../errors';
import { checkSignal } from '../file/cancelling';
import type { Paths, TreeOptions } from './contract';
import { checkName, type Name } from './names';

/** The names that were given; throws `INVALID_ARGUMENT`. */
export function checkPaths(paths: Paths): Name[] {
  if (typeof paths === 'string' || Buffer.isBuffer(paths) || paths instanceof URL) return [checkName(paths, 'paths')];
  if (typeof paths !== 'object' || paths === null || !(Symbol.iterator in paths)) {
    throw invalidArgument('paths', 'a path, or an iterable of paths (strings, Buffers or URLs)', paths);
  }
  return Array.from(paths, (path, index) => checkName(path, `paths[${index}]`));
}

/** The options of everything that walks over trees; globs are checked where they are made use of. */
export function checkTreeOptions(options: TreeOptions): void {
  checkSignal(options);
  for (const name of ['recursive', 'oneFileSystem'] as const) checkBoolean(options[name], `options.${name}`);
}

export function checkBoolean(value: unknown, what: string): void {
  if (value !== undefined && typeof value !== 'boolean') throw invalidArgument(what, 'a boolean', value);
}

/** A number within bounds; whole, unless `any`. */
export function checkNumber(value: unknown, what: string, least: number, most: number, kind: 'whole' | 'any' = 'whole'): void {
  if (value === undefined) return;
  const fine = typeof value === 'number' && value >= least && value <= most && (kind === 'any' || Number.isInteger(value));
  if (!fine) throw invalidArgument(what, `a ${kind === 'whole' ? 'whole ' : ''}number from ${least} to ${most}`, value);
}
