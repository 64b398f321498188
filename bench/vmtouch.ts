import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** How to get vmtouch, for the help and for whoever runs without it. */
export const VMTOUCH_INSTALLATION = 'apt-get install vmtouch';

export function vmtouchIsThere(): boolean {
  return spawnSync('vmtouch', ['-h']).error === undefined;
}

/** Milliseconds that a run of vmtouch takes, starting it included: about one of them. */
export async function vmtouchMilliseconds(...args: readonly string[]): Promise<number> {
  const start = performance.now();
  // Without -m it leaves out files over 500 MiB.
  await execute('vmtouch', ['-m', '64G', ...args]);
  return performance.now() - start;
}
