import { spawnSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readSync,
  realpathSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const MiB = 2 ** 20;
export const GiB = 2 ** 30;
export const TiB = 2 ** 40;

/** The largest entry that is served as one view. */
export const LARGEST_ENTRY = 16 * MiB;

/** The files of one test file, in a temporary directory of its own that is removed after the tests. */
export class TestFiles {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'nofault-test-')));

  /** Makes the directory, and has it removed when the test file is done. */
  static make(): TestFiles {
    const files = new TestFiles();
    afterAll(() => rmSync(files.folder, { recursive: true, force: true }));
    return files;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** A file with this content; its path. */
  write(name: string, content: Uint8Array | string): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  /** Written out, so that the kernel can drop its pages. */
  written(name: string, content: Uint8Array): string {
    const path = this.write(name, content);
    const fd = openSync(path, 'r+');
    fsyncSync(fd);
    closeSync(fd);
    return path;
  }

  /** A file in which every place can be told from every other; the same on every run. */
  patterned(name: string, size: number): string {
    return this.write(name, pattern(size));
  }

  /** A file that is a hole of `size` bytes, but for the marks. Its fresh pages are in no cache: they are misses on every file system. */
  sparse(name: string, size: number, marks: readonly { readonly offset: number; readonly content: Uint8Array }[] = []): string {
    const fd = openSync(this.path(name), 'w');
    try {
      ftruncateSync(fd, size);
      for (const { offset, content } of marks) writeSync(fd, content, 0, content.length, offset);
    } finally {
      closeSync(fd);
    }
    return this.path(name);
  }
}

/** How long a verdict may be believed, in ms: docs/trust.md. */
export const OLDEST_VERDICT = 24;

/** Bytes that look random, never repeat, and are the same on every run. */
export function pattern(size: number, seed = 0): Buffer {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  return cipher.update(Buffer.alloc(size));
}

/** What is in the file, by an ordinary read: shorter than asked only where the file ends. */
export function bytesByRead(path: string, offset: number, length: number): Buffer {
  const content = Buffer.alloc(length);
  const fd = openSync(path, 'r');
  try {
    let read = 0;
    while (read < length) {
      const count = readSync(fd, content, read, length - read, offset + read);
      if (count === 0) break;
      read += count;
    }
    return content.subarray(0, read);
  } finally {
    closeSync(fd);
  }
}

/** Drops what of the file is in the page cache and is mapped by nobody. Needs the right to write to the file, no other. */
export function evictUnmapped(path: string): void {
  run('dd', `of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0');
}

/**
 * Drops pages from the page cache although they are mapped: writing a page's own content past the cache makes the kernel forget its copy. The content
 * is the same before, during and after. Where the file system has no direct writing (tmpfs) nothing happens, and false is returned. When it returns, no
 * verdict from before the eviction stands any more.
 */
export function evictMapped(path: string, first: number, count: number, pageSize = 4096): boolean {
  const which = [`bs=${pageSize}`, `skip=${first}`, `seek=${first}`, `count=${count}`];
  const result = spawnSync('dd', [`if=${path}`, `of=${path}`, ...which, 'iflag=direct', 'oflag=direct', 'conv=notrunc'], {
    stdio: 'ignore',
  });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, OLDEST_VERDICT + 1);
  return result.status === 0;
}

/** Bytes of the file in the page cache, as util-linux counts them; undefined where that program is not installed. */
export function residentBytesByFincore(path: string): number | undefined {
  const result = spawnSync('fincore', ['-b', '-n', '-o', 'res', path], { encoding: 'utf8' });
  return result.status === 0 ? Number(result.stdout.trim()) : undefined;
}

function run(program: string, ...words: string[]): void {
  const result = spawnSync(program, words, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${program} ${words.join(' ')} failed: ${result.error?.message ?? result.stderr}`);
}
