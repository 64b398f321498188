import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { constants as system } from 'node:os';
import { join } from 'node:path';
import type { Range, Read } from './fuse/faults';
import type { Answer, Order, Verbs } from './fuse/orders';
import type { Scratch } from './scratch';
import { hasTool, mountingLacks, rigProgram, until } from './system';
import { building, endRig, type Rig } from './watch';

export type { Range, Read } from './fuse/faults';

export interface SlowFolderOptions {
  /**
   * Milliseconds that the server takes to answer each read. Any number of reads wait at once.
   * @default 0
   */
  readonly readDelay?: number | undefined;
  /**
   * Reads ahead that the kernel keeps in flight at once, as a FUSE server tells it.
   * @default 12, as the kernel itself
   */
  readonly maxBackground?: number | undefined;
  /**
   * Bytes that the kernel reads ahead at most.
   * @default 131072
   */
  readonly readAhead?: number | undefined;
  /** A folder whose files are served, and written to. Without it, an empty one of the rig's own. */
  readonly from?: string | undefined;
}

/** Reads that touch the range fail with `errno`; all of them, or `times` times. */
export interface FailureOptions extends Range {
  /** A name as in errno(3), such as 'EIO'. */
  readonly errno?: ErrnoName | undefined;
  readonly times?: number | undefined;
}

export type ErrnoName = keyof typeof system.errno;

/** Why `startSlowFolder` cannot work on this machine; undefined where it can. */
export function slowFolderLacks(): string | undefined {
  const lacks = mountingLacks();
  if (lacks !== undefined) return lacks;
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return 'needs /dev/fuse (on a machine: modprobe fuse; in a container: --device /dev/fuse)';
  }
  return hasTool('mount') ? undefined : 'needs mount, of util-linux';
}

/** Mounts a folder whose storage can be made slow, faulty and hung while it is in use. */
export function startSlowFolder(options: SlowFolderOptions = {}): Promise<SlowFolder> {
  return building((scratch) => SlowFolder.start(scratch, options));
}

/**
 * A folder on a FUSE server of our own. Names are those of files in it; it has no folders within. Every fault comes into force before the promise is
 * fulfilled, for reads that the server answers from then on: what the page cache holds is served without it.
 */
export class SlowFolder implements Rig {
  /** Where it is mounted. */
  readonly folder: string;
  /** The ordinary folder behind it. What is changed there is not seen by the kernel until `revoke`. */
  readonly backing: string;
  readonly #scratch: Scratch;
  readonly #server: Server;

  private constructor(scratch: Scratch, folder: string, backing: string, server: Server) {
    this.#scratch = scratch;
    this.folder = folder;
    this.backing = backing;
    this.#server = server;
  }

  /** @internal In a scratch folder that somebody else ends, too. */
  static async start(scratch: Scratch, options: SlowFolderOptions): Promise<SlowFolder> {
    const { readDelay = 0, maxBackground = 12, readAhead = 131_072, from } = options;
    const folder = scratch.make('slow');
    const backing = from ?? scratch.make('backing');
    const server = new Server(scratch, [folder, backing, JSON.stringify({ maxBackground, readAhead })]);
    await server.ready;
    const rig = new SlowFolder(scratch, folder, backing, server);
    if (readDelay > 0) await rig.delay(readDelay);
    return rig;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Writes a file behind the kernel's back, so that nothing of it is in the page cache; its path in the folder. */
  async write(name: string, content: Uint8Array | string): Promise<string> {
    await writeFile(join(this.backing, name), content);
    await this.revoke(name);
    return this.path(name);
  }

  /** What the server holds of a file, past all faults. */
  content(name: string): Promise<Buffer> {
    return readFile(join(this.backing, name));
  }

  /** Each read takes `ms` milliseconds: of one file, or of every file. */
  delay(ms: number, name?: string): Promise<void> {
    return this.#server.order('delay', ms, name);
  }

  fail(name: string, { errno = 'EIO', ...range }: FailureOptions = {}): Promise<void> {
    return this.#server.order('fail', name, { ...range, errno: system.errno[errno] });
  }

  /** Reads that touch the range are not answered until `release`. */
  hang(name: string, range: Range = {}): Promise<void> {
    return this.#server.order('hang', name, range);
  }

  /** No request is answered until `release`: to look a file up, or at its attributes, waits too. */
  hangEverything(): Promise<void> {
    return this.#server.order('hangEverything');
  }

  /** How many requests hang now. */
  hung(name?: string): Promise<number> {
    return this.#server.order('hung', name);
  }

  /** Resolves when at least `count` requests hang. */
  untilHung(count = 1, name?: string): Promise<void> {
    return until(`${count} requests hang`, async () => (await this.hung(name)) >= count);
  }

  /** Answers what hangs, of one file or all, and lets nothing hang any more. */
  release(name?: string): Promise<void> {
    return this.#server.order('release', name);
  }

  /** Takes every fault away: of one file, or all. */
  heal(name?: string): Promise<void> {
    return this.#server.order('heal', name);
  }

  /**
   * Changes the size of a file on the server. The kernel is told, as a network file system does it: cached pages are revoked and the new size is known.
   * With `announced: false` it is not told, and finds out by a short read. Telling waits for reads of the file that are under way.
   */
  async truncate(name: string, size: number, { announced = true } = {}): Promise<void> {
    await this.#server.order('truncate', name, size);
    if (!announced) return;
    await this.revoke(name);
    await stat(this.path(name));
  }

  /** Takes what the kernel holds of a file: every cached page, mapped ones too, and its attributes. Waits for reads of it that are under way. */
  revoke(name: string): Promise<void> {
    return this.#server.order('revoke', name);
  }

  /** The reads that reached the server since the start or the last `forgetReads`, in the order in which they came. */
  log(name?: string): Promise<readonly Read[]> {
    return this.#server.order('reads', name);
  }

  forgetReads(): Promise<void> {
    return this.#server.order('forgetReads');
  }

  /** Does something with all faults set aside, and returns the reads that reached the server meanwhile. They are not in the log. */
  async traced(work: () => Promise<unknown>): Promise<readonly Read[]> {
    await this.#server.order('startTrace');
    const outcome = await work().then(
      () => undefined,
      (error: Error) => error,
    );
    const reads = await this.#server.order('endTrace');
    if (outcome) throw outcome;
    return reads;
  }

  /** Kills the server: from then on everything in the folder fails with ENOTCONN. */
  kill(): Promise<void> {
    return this.#server.kill();
  }

  /** Unmounts and removes it. Whoever waits for it gets an error, so that nothing stays behind. */
  async stop(): Promise<void> {
    // Aborting the connection comes first: until then a server that waits in the kernel for its own reads cannot end.
    await endRig(this.#scratch);
    await this.#server.kill();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** The process that serves, and the orders to it. */
class Server {
  readonly ready: Promise<void>;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #last = 0;

  constructor(scratch: Scratch, words: readonly string[]) {
    this.#process = spawn(process.execPath, [rigProgram('fuse', 'server.js'), ...words], {
      detached: true,
      // Undefined and Infinity are to come through as what they are.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // One thread waits for the next request, and each revocation may wait for reads.
      env: { ...process.env, UV_THREADPOOL_SIZE: '32' },
    });
    if (this.#process.pid !== undefined) scratch.addProcess(this.#process.pid);
    let said = '';
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    this.#ended = new Promise((resolve) => {
      const end = (why: string): void => {
        for (const { reject } of this.#waiting.values()) reject(new Error(`the server has ended${why && `: ${why}`}`));
        this.#waiting.clear();
        resolve();
      };
      this.#process.on('close', () => end(said.trim()));
      this.#process.on('error', (error) => end(error.message));
    });
    this.ready = new Promise((resolve, reject) => this.#waiting.set(0, { resolve: () => resolve(), reject }));
    this.#process.on('message', (answer: Answer) => this.#settle(answer));
    this.#keepAlive();
  }

  order<V extends keyof Verbs>(verb: V, ...words: Parameters<Verbs[V]>): Promise<Awaited<ReturnType<Verbs[V]>>> {
    return new Promise((resolve, reject) => {
      if (!this.#process.connected) return reject(new Error(`${verb}: the server has ended`));
      this.#last += 1;
      this.#waiting.set(this.#last, { resolve: resolve as (result: unknown) => void, reject });
      this.#keepAlive();
      this.#process.send({ id: this.#last, verb, words } satisfies Order);
    });
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    // Kept alive until it has ended, as by an answer that is awaited.
    this.#waiting.set(-1, { resolve: () => {}, reject: () => {} });
    this.#keepAlive();
    await this.#ended;
  }

  #settle({ id, result, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
    this.#keepAlive();
  }

  /** The process may end while a server runs, but not while an answer of it is awaited. */
  #keepAlive(): void {
    const all = [this.#process, this.#process.channel, this.#process.stderr as Socket | null];
    for (const one of all) this.#waiting.size > 0 ? one?.ref() : one?.unref();
  }
}
