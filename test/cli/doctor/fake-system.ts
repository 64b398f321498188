import { posix } from 'node:path';
import type { SystemFiles } from '../../../src/inspect/machine/system-files';

/** A /proc and /sys that hold these files and no others. */
export function fakeSystem(contents: Readonly<Record<string, string>>): SystemFiles {
  return {
    text: (path) => contents[posix.normalize(path)],
    names: (path) => {
      const below = Object.keys(contents).filter((name) => name.startsWith(`${path}/`));
      return [...new Set(below.map((name) => name.slice(path.length + 1).split('/')[0] as string))];
    },
  };
}
