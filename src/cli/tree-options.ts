import type { Command } from 'commander';
import type { FileName, TreeOptions } from '../inspect/contract';
import { nameFromBytes } from './file-names';

/** As commander gathers them. */
export interface TreeFlags {
  readonly recursive: boolean;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly oneFileSystem?: true;
}

const gather = (glob: string, before: readonly string[] = []): string[] => [...before, glob];

/** The options of every command that walks over folders. */
export function declareTreeOptions(command: Command): Command {
  return command
    .option('--include <glob>', 'of what lies below a folder, only files that match this glob; can be repeated', gather)
    .option('--exclude <glob>', 'leave out files and folders below a folder that match this glob; can be repeated', gather)
    .option('-x, --one-file-system', 'do not enter folders on another file system')
    .option('--no-recursive', 'do not enter folders at all');
}

export function treeOptionsOf({ recursive, include, exclude, oneFileSystem }: TreeFlags): TreeOptions {
  return { recursive, ...(include && { include }), ...(exclude && { exclude }), ...(oneFileSystem && { oneFileSystem }) };
}

/** The name of a file that the library yielded, as everything here has it. */
export function nameOf(path: FileName): string {
  return typeof path === 'string' ? path : nameFromBytes(path);
}
