import { mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How the scratch folders of rigs begin, wherever the temporary directory is. */
export const PREFIX = 'nofault-rig-';

/** A process beyond doubt: numbers are used again, but not with the same moment of birth. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since the machine started. */
  readonly born: string;
}

/** What stands in a scratch folder about what was made for it, so that anybody can undo it. */
export interface Record {
  readonly owner: ProcessId;
  readonly processes: readonly ProcessId[];
  /** Folders of control groups. */
  readonly groups: readonly string[];
}

/**
 * The place of one rig. All that a rig leaves in the system lies below this folder (mounts, and the files under loop devices) or is named in its
 * record, and the record is written before a thing is made.
 */
export class Scratch {
  readonly folder: string;
  #record: Record = { owner: processId(process.pid), processes: [], groups: [] };

  constructor() {
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), PREFIX)));
    this.#save();
  }

  /** A folder within. */
  make(name: string): string {
    const path = join(this.folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Of a process that leads a group (started detached): the group is ended with it. */
  addProcess(pid: number): void {
    this.#record = { ...this.#record, processes: [...this.#record.processes, processId(pid)] };
    this.#save();
  }

  addGroup(path: string): void {
    this.#record = { ...this.#record, groups: [...this.#record.groups, path] };
    this.#save();
  }

  #save(): void {
    const path = recordPath(this.folder);
    writeFileSync(`${path}.new`, JSON.stringify(this.#record));
    renameSync(`${path}.new`, path);
  }
}

/** The record of a scratch folder; undefined where there is none, as in one that is just being made. */
export function readRecord(folder: string): Record | undefined {
  try {
    return JSON.parse(readFileSync(recordPath(folder), 'utf8')) as Record;
  } catch {
    return undefined;
  }
}

/** Whether this very process is still there and is not about to end. */
export function lives({ pid, born }: ProcessId): boolean {
  try {
    if (birth(pid) !== born) return false;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    // The first thread of a process is a zombie as soon as the process ends, also while another one hangs in the kernel; where the first one itself
    // hangs there, the signal that kills it is waiting for it.
    const waiting = BigInt(`0x${/^SigPnd:\s*(\S+)/m.exec(status)?.[1] ?? '0'}`);
    return !/^State:\s*[ZX]/m.test(status) && (waiting & SIGKILL) === 0n;
  } catch {
    return false;
  }
}

const SIGKILL = 1n << 8n;

export function processId(pid: number): ProcessId {
  return { pid, born: birth(pid) };
}

/** As proc(5) counts fields: the second, a name, may hold anything and ends with the last parenthesis. Empty where there is no such process. */
function birth(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function recordPath(folder: string): string {
  return join(folder, 'rig.json');
}
