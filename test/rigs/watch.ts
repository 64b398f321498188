import { type ChildProcess, spawn } from 'node:child_process';
import { Scratch } from './scratch';
import { rigProgram } from './system';
import { undo } from './undo';

let watchdog: ChildProcess | undefined;
const watched = new Set<string>();

/** Something that is undone by `stop`, and at the latest when this process has ended. */
export interface Rig extends AsyncDisposable {
  stop(): Promise<void>;
}

/** A scratch folder for a new rig. From now on everything that is made in it is undone when this process ends, killed or not. */
export function beginRig(): Scratch {
  const scratch = new Scratch();
  watchdog ??= startWatchdog();
  watched.add(scratch.folder);
  watchdog.stdin?.write(`+ ${scratch.folder}\n`);
  return scratch;
}

/** Undoes a rig now. */
export async function endRig(scratch: Scratch): Promise<void> {
  if (!watched.has(scratch.folder)) return;
  await undo(scratch.folder);
  watched.delete(scratch.folder);
  watchdog?.stdin?.write(`- ${scratch.folder}\n`);
  if (watched.size > 0) return;
  watchdog?.stdin?.end();
  watchdog = undefined;
}

/** Builds a rig in a scratch folder; what was made is undone where building fails. */
export async function building<T>(build: (scratch: Scratch) => Promise<T>): Promise<T> {
  const scratch = beginRig();
  try {
    return await build(scratch);
  } catch (error) {
    await endRig(scratch);
    throw error;
  }
}

function startWatchdog(): ChildProcess {
  // In a session of its own, and with no descriptor of ours: whoever waits for our output to end must not wait for it.
  const child = spawn(process.execPath, [rigProgram('watchdog.js'), String(process.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  // It can only fail by having been killed; the rigs then end with their owner's own calls.
  child.stdin?.on('error', () => {});
  return child;
}
