import { readdirSync, readFileSync } from 'node:fs';

/** What is read of /proc and /sys. The kernel answers from memory, so nothing here waits for a device. */
export interface SystemFiles {
  /** The text of a file without the line's end; undefined where it is missing or may not be read. */
  text(path: string): string | undefined;
  /** The names in a folder; none where it is missing. */
  names(path: string): string[];
}

export const systemFiles: SystemFiles = {
  text(path) {
    try {
      return readFileSync(path, 'utf8').replace(/\n$/, '');
    } catch {
      return undefined;
    }
  },
  names(path) {
    try {
      return readdirSync(path);
    } catch {
      return [];
    }
  },
};

/** A file that holds one number; undefined where it is missing or holds something else. */
export function numberIn(files: SystemFiles, path: string): number | undefined {
  const text = files.text(path);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** A line `Name:   12 kB` or `name 12` of such a file as /proc/meminfo or memory.stat. */
export function fieldIn(text: string | undefined, name: string): string | undefined {
  for (const line of text?.split('\n') ?? []) {
    const match = /^([^\s:]+):?\s+(.*)$/.exec(line);
    if (match?.[1] === name) return match[2];
  }
  return undefined;
}

/** A field in kB, in bytes. */
export function bytesIn(text: string | undefined, name: string): number | undefined {
  const match = /^(\d+) kB$/.exec(fieldIn(text, name) ?? '');
  return match ? Number(match[1]) * 1024 : undefined;
}
