import { invalidArgument } from '../errors';
import type { TreeOptions } from './contract';

/** Which of what lies below a folder is taken. `path` is the path below the folder, with slashes between. */
export interface Filter {
  takesFile(path: string): boolean;
  takesFolder(path: string): boolean;
}

type Match = (path: string) => boolean;

/** Undefined where everything is taken. Throws `INVALID_ARGUMENT` for what is no glob. */
export function filterOf({ include, exclude }: TreeOptions): Filter | undefined {
  const taken = matching(include, 'options.include');
  const leftOut = matching(exclude, 'options.exclude');
  if (taken === undefined && leftOut === undefined) return undefined;
  return {
    takesFile: (path) => (taken === undefined || taken(path)) && !(leftOut?.(path) ?? false),
    takesFolder: (path) => !(leftOut?.(path) ?? false),
  };
}

function matching(globs: unknown, what: string): Match | undefined {
  if (globs === undefined) return undefined;
  const list: readonly unknown[] = Array.isArray(globs) ? globs : [globs];
  for (const glob of list) {
    if (typeof glob !== 'string' || glob === '') throw invalidArgument(what, 'a glob or an array of them (strings, not empty)', glob);
  }
  const matches = (list as readonly string[]).map(matcher);
  return (path) => matches.some((match) => match(path));
}

function matcher(glob: string): Match {
  const picomatch = require('picomatch') as typeof import('picomatch');
  // Hidden files are files: what is in memory does not depend on a dot.
  const match = picomatch(glob, { dot: true });
  if (glob.includes('/')) return (path) => match(path);
  return (path) => match(path.slice(path.lastIndexOf('/') + 1));
}
