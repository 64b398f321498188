import { read as readDevice, readSync, statfsSync, write as writeDevice, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { Faults, type Read } from './faults';
import type { Folder } from './folder';
import * as protocol from './protocol';
import { Opcode, type Request } from './protocol';

const { ENODEV, ENOENT, ENOSYS, EINTR, EAGAIN, EIO, ECONNABORTED } = constants.errno;

type Service = (request: Request) => Buffer;

/** Answers the kernel's requests about one folder, as slowly and as badly as its faults say. */
export class Serving {
  readonly faults = new Faults();
  readonly #device: number;
  readonly #folder: Folder;
  readonly #limits: protocol.Limits;
  #reads: Read[] = [];
  #trace: Read[] | undefined;

  constructor(device: number, folder: Folder, limits: protocol.Limits) {
    this.#device = device;
    this.#folder = folder;
    this.#limits = limits;
  }

  /** Serves until the folder is unmounted or the connection is aborted. */
  async untilUnmounted(): Promise<void> {
    for (;;) {
      const message = await this.#nextMessage();
      if (message === undefined) return;
      void this.#serve(protocol.parseRequest(message));
    }
  }

  /** The reads that came, in this order: of one file, or all. */
  reads(name?: string): readonly Read[] {
    return this.#reads.filter((read) => name === undefined || read.name === name);
  }

  forgetReads(): void {
    this.#reads = [];
  }

  /** From now on no read meets a fault, and none is kept in the log, until `endTrace` returns those that came meanwhile. */
  startTrace(): void {
    this.#trace = [];
  }

  endTrace(): readonly Read[] {
    const trace = this.#trace ?? [];
    this.#trace = undefined;
    return trace;
  }

  /**
   * Makes the kernel forget what it holds of a file: every cached page, mapped ones too, and its size. Waits for reads of that file that are under way,
   * so not on the loop, which has to answer them.
   */
  revoke(name: string): Promise<void> {
    const node = this.#folder.known(name);
    if (node === undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const message = protocol.invalidation(node);
      writeDevice(this.#device, message, 0, message.length, null, (error) => {
        // The kernel has forgotten the file by itself already.
        if (error === null || error.code === 'ENOENT') resolve();
        else reject(error);
      });
    });
  }

  /** One request waits at a time: a read that is blocked in the kernel occupies a thread of the pool. */
  #nextMessage(): Promise<Buffer | undefined> {
    const room = Buffer.allocUnsafe(protocol.LONGEST_WRITE + 4096);
    return new Promise((resolve, reject) => {
      const again = (): void => {
        readDevice(this.#device, room, 0, room.length, null, (error, length) => {
          const errno = -(error?.errno ?? 0);
          if (error === null) resolve(room.subarray(0, length));
          else if (errno === ENODEV || errno === ECONNABORTED) resolve(undefined);
          // The asker was interrupted before its request was taken.
          else if (errno === ENOENT || errno === EINTR || errno === EAGAIN) again();
          else reject(error);
        });
      };
      again();
    });
  }

  async #serve(request: Request): Promise<void> {
    const { opcode, unique } = request;
    if (UNANSWERED.has(opcode)) return;
    if (opcode === Opcode.READ) return this.#serveRead(request);
    if (opcode !== Opcode.INIT) await this.faults.way;
    const service = this.#services.get(opcode);
    if (service === undefined) return this.#answer(protocol.failure(unique, ENOSYS));
    try {
      this.#answer(protocol.answerWith(unique, service(request)));
    } catch (error) {
      this.#answer(protocol.failure(unique, errnoOf(error)));
    }
  }

  async #serveRead(request: Request): Promise<void> {
    const { offset, length } = protocol.readOf(request);
    const { node, unique } = request;
    let read: Read | undefined;
    try {
      const name = this.#folder.name(node);
      read = { name, offset, length, came: performance.now() };
      (this.#trace ?? this.#reads).push(read);
      const errno = this.#trace ? 0 : await this.#meetFaults(read);
      read.answered = performance.now();
      if (errno !== 0) {
        read.errno = errno;
        return this.#answer(protocol.failure(unique, errno));
      }
      const [answer, body] = protocol.emptyAnswer(unique, length);
      this.#answer(protocol.shortened(answer, readSync(this.#folder.fd(node), body, 0, length, offset)));
    } catch (error) {
      if (read) read.errno = errnoOf(error);
      this.#answer(protocol.failure(unique, errnoOf(error)));
    }
  }

  /** Takes as long as the faults say; the error number that the read is to be answered with, or 0. */
  async #meetFaults({ name, offset, length }: Read): Promise<number> {
    const delay = this.faults.delayOf(name);
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    await this.faults.wayFor(name, offset, length);
    return this.faults.errorFor(name, offset, length);
  }

  #answer(message: Buffer): void {
    try {
      writeSync(this.#device, message);
    } catch (error) {
      // Whoever asked has been interrupted, or the folder is gone; the next read of the device tells.
      if (![ENOENT, ENODEV, ECONNABORTED].includes(errnoOf(error))) throw error;
    }
  }

  readonly #nothing = Buffer.alloc(0);
  readonly #entry = (node: bigint): Buffer => protocol.entryAnswer(node, this.#folder.stat(node));

  readonly #services = new Map<number, Service>([
    [Opcode.INIT, ({ body }) => protocol.initAnswer(body, this.#limits)],
    [
      Opcode.LOOKUP,
      (request) => {
        const node = this.#folder.find(protocol.namesOf(request)[0] ?? '');
        if (node === undefined) throw Object.assign(new Error('no such file'), { errno: -ENOENT });
        return this.#entry(node);
      },
    ],
    [Opcode.GETATTR, ({ node }) => protocol.attributesAnswer(node, this.#folder.stat(node))],
    [
      Opcode.SETATTR,
      (request) => {
        this.#folder.set(request.node, protocol.settingsOf(request));
        return protocol.attributesAnswer(request.node, this.#folder.stat(request.node));
      },
    ],
    [Opcode.OPEN, () => protocol.openAnswer()],
    [Opcode.OPENDIR, () => protocol.openAnswer()],
    [
      Opcode.CREATE,
      (request) => {
        const mode = request.body.readUInt32LE(4) & ~request.body.readUInt32LE(8);
        const node = this.#folder.create(protocol.namesOf(request, 16)[0] ?? '', mode, request.uid, request.gid);
        return Buffer.concat([this.#entry(node), protocol.openAnswer()]);
      },
    ],
    [
      Opcode.WRITE,
      (request) => {
        const { offset, bytes } = protocol.writeOf(request);
        return protocol.writeAnswer(writeSync(this.#folder.fd(request.node), bytes, 0, bytes.length, offset));
      },
    ],
    [
      Opcode.UNLINK,
      (request) => {
        this.#folder.remove(protocol.namesOf(request)[0] ?? '');
        return this.#nothing;
      },
    ],
    [
      Opcode.RENAME,
      (request) => {
        const [from = '', to = ''] = protocol.namesOf(request, 8);
        this.#folder.rename(from, to);
        return this.#nothing;
      },
    ],
    [Opcode.READDIR, ({ body }) => protocol.directoryAnswer(this.#folder.list(), Number(body.readBigUInt64LE(8)), body.readUInt32LE(16))],
    [Opcode.STATFS, () => protocol.statfsAnswer(statfsSync(this.#folder.path, { bigint: true }))],
    // Nothing here is meant to outlive the machine, so nothing is flushed.
    ...[Opcode.FSYNC, Opcode.FSYNCDIR, Opcode.FLUSH, Opcode.RELEASE, Opcode.RELEASEDIR, Opcode.DESTROY].map((opcode): [number, Service] => [
      opcode,
      () => this.#nothing,
    ]),
  ]);
}

/** An interrupt is not obeyed: a server that hangs does not either. */
const UNANSWERED = new Set<number>([Opcode.FORGET, Opcode.BATCH_FORGET, Opcode.INTERRUPT]);

/** Node's error numbers are negative; what is no system error is one of the storage. */
function errnoOf(error: unknown): number {
  const errno = (error as NodeJS.ErrnoException).errno;
  return errno === undefined ? EIO : Math.abs(errno);
}
