import type { BigIntStats } from 'node:fs';

// The messages between the kernel and a FUSE server, as linux/fuse.h lays them out (version 7.31; little-endian machines only, as Node's own).

export const ROOT = 1n;
export const HEADER = 40;
const ANSWER_HEADER = 16;

export const Opcode = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  UNLINK: 10,
  RENAME: 12,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  CREATE: 35,
  INTERRUPT: 36,
  DESTROY: 38,
  BATCH_FORGET: 42,
} as const;

/** What SETATTR sets, as bits. */
const Setting = { MODE: 1, UID: 2, GID: 4, SIZE: 8, ATIME: 16, MTIME: 32, ATIME_NOW: 128, MTIME_NOW: 256 } as const;

const ASYNC_READ = 1;
const BIG_WRITES = 1 << 5;
const ASYNC_DIO = 1 << 15;
const MAX_PAGES = 1 << 22;
const KEEP_CACHE = 2;
const NOTIFY_INVAL_INODE = 2;
/** The longest write that the kernel sends in one request; a message is at most this and a page of header. */
export const LONGEST_WRITE = 128 * 1024;
/** Seconds for which the kernel may believe names and attributes. Long: what changes behind its back is told to it. */
const VALID = 3600n;

export interface Request {
  readonly opcode: number;
  readonly unique: bigint;
  readonly node: bigint;
  readonly uid: number;
  readonly gid: number;
  readonly body: Buffer;
}

export function parseRequest(message: Buffer): Request {
  return {
    opcode: message.readUInt32LE(4),
    unique: message.readBigUInt64LE(8),
    node: message.readBigUInt64LE(16),
    uid: message.readUInt32LE(24),
    gid: message.readUInt32LE(28),
    body: message.subarray(HEADER),
  };
}

/** An answer with room for `length` bytes behind its header: `[answer, body]`, of which the second is a part of the first. */
export function emptyAnswer(unique: bigint, length: number): [Buffer, Buffer] {
  const answer = Buffer.alloc(ANSWER_HEADER + length);
  answer.writeUInt32LE(answer.length, 0);
  answer.writeBigUInt64LE(unique, 8);
  return [answer, answer.subarray(ANSWER_HEADER)];
}

/** The answer, shortened to the `length` bytes that its body turned out to have. */
export function shortened(answer: Buffer, length: number): Buffer {
  const short = answer.subarray(0, ANSWER_HEADER + length);
  short.writeUInt32LE(short.length, 0);
  return short;
}

export function answerWith(unique: bigint, body: Buffer): Buffer {
  const [answer, room] = emptyAnswer(unique, body.length);
  body.copy(room);
  return answer;
}

export function failure(unique: bigint, errno: number): Buffer {
  const [answer] = emptyAnswer(unique, 0);
  answer.writeInt32LE(-errno, 4);
  return answer;
}

/** Makes the kernel forget the attributes of a node and every cached page of it. */
export function invalidation(node: bigint): Buffer {
  const [message, body] = emptyAnswer(0n, 24);
  message.writeInt32LE(NOTIFY_INVAL_INODE, 4);
  body.writeBigUInt64LE(node, 0);
  body.writeBigInt64LE(0n, 8);
  body.writeBigInt64LE(-1n, 16);
  return message;
}

export interface Limits {
  /** Requests of read-ahead that the kernel keeps in flight at once. */
  readonly maxBackground: number;
  /** Bytes that the kernel reads ahead at most. */
  readonly readAhead: number;
}

export function initAnswer(offered: Buffer, { maxBackground, readAhead }: Limits): Buffer {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(7, 0);
  body.writeUInt32LE(31, 4);
  body.writeUInt32LE(Math.min(readAhead, offered.readUInt32LE(8)), 8);
  body.writeUInt32LE((offered.readUInt32LE(12) & (ASYNC_READ | BIG_WRITES | ASYNC_DIO | MAX_PAGES)) >>> 0, 12);
  body.writeUInt16LE(maxBackground, 16);
  body.writeUInt16LE(Math.max(1, Math.floor((maxBackground * 3) / 4)), 18);
  body.writeUInt32LE(LONGEST_WRITE, 20);
  body.writeUInt32LE(1, 24);
  body.writeUInt16LE(LONGEST_WRITE / 4096, 28);
  return body;
}

function attributes(node: bigint, stat: BigIntStats): Buffer {
  const body = Buffer.alloc(88);
  const moments = [stat.atimeNs, stat.mtimeNs, stat.ctimeNs];
  for (const [i, value] of [node, stat.size, stat.blocks].entries()) body.writeBigUInt64LE(value, i * 8);
  for (const [i, ns] of moments.entries()) {
    body.writeBigUInt64LE(ns / 1_000_000_000n, 24 + i * 8);
    body.writeUInt32LE(Number(ns % 1_000_000_000n), 48 + i * 4);
  }
  const rest = [stat.mode, stat.nlink, stat.uid, stat.gid, 0n, 4096n, 0n];
  for (const [i, value] of rest.entries()) body.writeUInt32LE(Number(value), 60 + i * 4);
  return body;
}

export function attributesAnswer(node: bigint, stat: BigIntStats): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigUInt64LE(VALID, 0);
  return Buffer.concat([head, attributes(node, stat)]);
}

export function entryAnswer(node: bigint, stat: BigIntStats): Buffer {
  const head = Buffer.alloc(40);
  for (const [i, value] of [node, 0n, VALID, VALID].entries()) head.writeBigUInt64LE(value, i * 8);
  return Buffer.concat([head, attributes(node, stat)]);
}

/** The page cache stays when a file is opened again, as with most servers. */
export function openAnswer(): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(KEEP_CACHE, 8);
  return body;
}

export function writeAnswer(written: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32LE(written, 0);
  return body;
}

export function readOf({ body }: Request): { offset: number; length: number } {
  return { offset: Number(body.readBigUInt64LE(8)), length: body.readUInt32LE(16) };
}

export function writeOf({ body }: Request): { offset: number; bytes: Buffer } {
  return { offset: Number(body.readBigUInt64LE(8)), bytes: body.subarray(40, 40 + body.readUInt32LE(16)) };
}

/** What SETATTR asks to set; times in seconds. */
export interface Settings {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly atime?: number;
  readonly mtime?: number;
}

export function settingsOf({ body }: Request): Settings {
  const valid = body.readUInt32LE(0);
  const time = (at: number, ns: number, now: number): number =>
    valid & now ? Date.now() / 1e3 : Number(body.readBigUInt64LE(at)) + body.readUInt32LE(ns) / 1e9;
  return {
    ...(valid & Setting.SIZE && { size: Number(body.readBigUInt64LE(16)) }),
    ...(valid & Setting.MODE && { mode: body.readUInt32LE(68) & 0o7777 }),
    ...(valid & Setting.UID && { uid: body.readUInt32LE(76) }),
    ...(valid & Setting.GID && { gid: body.readUInt32LE(80) }),
    ...(valid & Setting.ATIME && { atime: time(32, 56, Setting.ATIME_NOW) }),
    ...(valid & Setting.MTIME && { mtime: time(40, 60, Setting.MTIME_NOW) }),
  };
}

/** The names that end a request's body, which begins with `skip` bytes of something else. */
export function namesOf({ body }: Request, skip = 0): string[] {
  return body.subarray(skip).toString('utf8').split('\0').slice(0, -1);
}

/** Names of a folder from position `from` on, as many as `room` bytes hold. */
export function directoryAnswer(entries: readonly { node: bigint; name: string }[], from: number, room: number): Buffer {
  const parts: Buffer[] = [];
  let used = 0;
  for (const [i, { node, name }] of entries.entries()) {
    const length = 24 + Buffer.byteLength(name);
    const padded = Math.ceil(length / 8) * 8;
    if (i < from) continue;
    if (used + padded > room) break;
    const part = Buffer.alloc(padded);
    part.writeBigUInt64LE(node, 0);
    part.writeBigUInt64LE(BigInt(i + 1), 8);
    part.writeUInt32LE(length - 24, 16);
    part.write(name, 24);
    parts.push(part);
    used += padded;
  }
  return Buffer.concat(parts);
}

export function statfsAnswer(stat: { blocks: bigint; bfree: bigint; bavail: bigint; files: bigint; ffree: bigint; bsize: bigint }): Buffer {
  const body = Buffer.alloc(80);
  for (const [i, value] of [stat.blocks, stat.bfree, stat.bavail, stat.files, stat.ffree].entries()) body.writeBigUInt64LE(value, i * 8);
  for (const [i, value] of [Number(stat.bsize), 255, Number(stat.bsize)].entries()) body.writeUInt32LE(value, 40 + i * 4);
  return body;
}
