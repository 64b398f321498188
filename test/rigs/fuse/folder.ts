import {
  type BigIntStats,
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { ROOT, type Settings } from './protocol';

interface Node {
  name: string;
  readonly fd: number;
}

/** The ordinary files of one folder under the numbers by which the kernel knows them. A number stays with a file that is renamed or removed. */
export class Folder {
  readonly #path: string;
  readonly #nodes = new Map<bigint, Node>();
  #last = ROOT;

  constructor(path: string) {
    this.#path = path;
  }

  get path(): string {
    return this.#path;
  }

  /** The file's number; undefined where the folder has no such file. */
  find(name: string): bigint | undefined {
    const known = this.known(name);
    if (known !== undefined) return known;
    if (name.includes('/') || name === '.' || name === '..') return undefined;
    const path = join(this.#path, name);
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return undefined;
    return this.#add(name, openSync(path, 'r+'));
  }

  /** The file's number, where the kernel has ever asked for it. */
  known(name: string): bigint | undefined {
    for (const [number, node] of this.#nodes) if (node.name === name) return number;
    return undefined;
  }

  create(name: string, mode: number, uid: number, gid: number): bigint {
    const fd = openSync(join(this.#path, name), 'wx+', mode);
    fchmodSync(fd, mode & 0o7777);
    fchownSync(fd, uid, gid);
    return this.#add(name, fd);
  }

  remove(name: string): void {
    unlinkSync(join(this.#path, name));
    this.#forgetName(name);
  }

  rename(from: string, to: string): void {
    const number = this.find(from);
    renameSync(join(this.#path, from), join(this.#path, to));
    this.#forgetName(to);
    const node = number === undefined ? undefined : this.#nodes.get(number);
    if (node) node.name = to;
  }

  fd(node: bigint): number {
    return this.#node(node).fd;
  }

  name(node: bigint): string {
    return this.#node(node).name;
  }

  stat(node: bigint): BigIntStats {
    return node === ROOT ? statSync(this.#path, { bigint: true }) : fstatSync(this.fd(node), { bigint: true });
  }

  /** The folder itself is left as it is. */
  set(node: bigint, { mode, uid, gid, size, atime, mtime }: Settings): void {
    if (node === ROOT) return;
    const fd = this.fd(node);
    if (size !== undefined) ftruncateSync(fd, size);
    if (mode !== undefined) fchmodSync(fd, mode);
    const now = fstatSync(fd);
    if (uid !== undefined || gid !== undefined) fchownSync(fd, uid ?? now.uid, gid ?? now.gid);
    if (atime !== undefined || mtime !== undefined) futimesSync(fd, atime ?? now.atime, mtime ?? now.mtime);
  }

  list(): { node: bigint; name: string }[] {
    const own = ['.', '..'].map((name) => ({ node: ROOT, name }));
    const files = readdirSync(this.#path, { withFileTypes: true }).filter((entry) => entry.isFile());
    return [...own, ...files.flatMap(({ name }) => ({ node: this.find(name) ?? ROOT, name }))];
  }

  close(): void {
    for (const { fd } of this.#nodes.values()) closeSync(fd);
    this.#nodes.clear();
  }

  #add(name: string, fd: number): bigint {
    this.#last += 1n;
    this.#nodes.set(this.#last, { name, fd });
    return this.#last;
  }

  #node(number: bigint): Node {
    const node = this.#nodes.get(number);
    if (node) return node;
    throw Object.assign(new Error(`there is no node ${number}`), { errno: -constants.errno.ENOENT });
  }

  /** Open descriptors go on reading a file that has lost its name; nobody finds it by that name any more. */
  #forgetName(name: string): void {
    const number = this.known(name);
    const node = number === undefined ? undefined : this.#nodes.get(number);
    if (node) node.name = '';
  }
}
