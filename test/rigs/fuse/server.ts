// A FUSE server in a process of its own: node server.js MOUNTPOINT FOLDER LIMITS. It obeys orders that come over its IPC channel and ends with it.
import { spawn } from 'node:child_process';
import { openSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from '../children';
import { Folder } from './folder';
import type { Answer, Order, Verbs } from './orders';
import type { Limits } from './protocol';
import { Serving } from './serving';

const FILE_SYSTEM = 'fuse.nofault-rig';

async function main(): Promise<void> {
  const [, , mountpoint = '', path = '', limits = ''] = process.argv;
  // Ctrl-C goes to everybody in front of the terminal; the end of this process is whoever started it to decide.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit(0));
  const device = openSync('/dev/fuse', 'r+');
  const folder = new Folder(path);
  const serving = new Serving(device, folder, JSON.parse(limits) as Limits);
  const rights = `rootmode=40000,user_id=${process.getuid?.()},group_id=${process.getgid?.()},allow_other,default_permissions`;
  // Before it is mounted the device has nothing to read.
  await mount(device, mountpoint, rights);
  const served = serving.untilUnmounted();
  process.on('message', (order: Order) => void obey(order, folder, serving));
  process.send?.({ id: 0 } satisfies Answer);
  await served;
  process.exit(0);
}

async function mount(device: number, mountpoint: string, rights: string): Promise<void> {
  const words = ['-i', '-t', FILE_SYSTEM, '-o', `fd=3,${rights}`, 'nofault-rig', mountpoint];
  const { code, stderr } = await finished(spawn('mount', words, { stdio: ['ignore', 'ignore', 'pipe', device] }));
  if (code !== 0) throw new Error(`mount of a FUSE folder failed: ${stderr.trim()}`);
}

async function obey({ id, verb, words }: Order, folder: Folder, serving: Serving): Promise<void> {
  const { faults } = serving;
  const verbs: Verbs = {
    delay: (ms, name) => faults.setDelay(ms, name),
    fail: (name, failure) => faults.fail(name, failure),
    hang: (name, range) => faults.hang(name, range),
    hangEverything: () => faults.hangEverything(),
    hung: (name) => faults.hung(name),
    release: (name) => faults.release(name),
    heal: (name) => faults.heal(name),
    truncate: (name, size) => truncateSync(join(folder.path, name), size),
    revoke: (name) => serving.revoke(name),
    reads: (name) => serving.reads(name),
    forgetReads: () => serving.forgetReads(),
    startTrace: () => serving.startTrace(),
    endTrace: () => serving.endTrace(),
  };
  let answer: Answer;
  try {
    const result: unknown = await (verbs[verb] as (...words: unknown[]) => unknown)(...words);
    answer = { id, result };
  } catch (error) {
    answer = { id, error: (error as Error).message };
  }
  if (process.connected) process.send?.(answer);
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
