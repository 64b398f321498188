import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NofaultError } from './errors';
import type { BitmapAddon } from './native/bitmap';
import type { FileAddon } from './native/file';
import type { InspectionAddon } from './native/inspection';

// Their constants are imported from where they are: one that is exported again is read through a function, each time.
export type * from './native/bitmap';
export type * from './native/file';
export type * from './native/inspection';

/**
 * The one typed door to the addon. Everything behind it is mechanism: system calls, threads, and memory that is mapped. What is asked, when and why is
 * decided on this side.
 */
export interface Addon extends FileAddon, InspectionAddon, BitmapAddon {}

/** An error as the addon raises it; `src/file` turns it into a NofaultError with a path. */
export interface SystemError extends Error {
  readonly errno?: number;
  readonly syscall?: string;
  /** What the path names instead of a regular file. */
  readonly kind?: string;
  /** Where in a bitmap something is wrong, in bytes. */
  readonly offset?: number;
}

let loaded: Addon | undefined;

/** The addon; throws `UNSUPPORTED` where there is none. Loaded when first needed, so that the package can be imported on every system. */
export function addon(): Addon {
  loaded ??= load();
  return loaded;
}

/** The file that the addon is loaded from; throws where there is none. */
export function addonPath(): string {
  return (require('node-gyp-build') as { path(folder: string): string }).path(packageRoot());
}

function load(): Addon {
  if (process.platform !== 'linux') {
    throw new NofaultError('UNSUPPORTED', `nofault reads files on Linux only, and this is ${process.platform}`);
  }
  try {
    return require('node-gyp-build')(packageRoot()) as Addon;
  } catch (cause) {
    throw new NofaultError(
      'UNSUPPORTED',
      `the native part of nofault could not be loaded for ${process.platform}-${process.arch}: reinstall it on this machine with a C++ compiler present`,
      { cause },
    );
  }
}

/** The folder with binding.gyp: one up from dist/ and src/ alike. */
export function packageRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'binding.gyp')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}
