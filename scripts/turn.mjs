// One builder at a time in a checkout: `npm test` and `npm run bench` may start side by side.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Runs `work` while holding the lock file; `onWait(pid)` is called once if another process has to finish first. */
export function inTurn(path, onWait, work) {
  take(path, onWait);
  try {
    return work();
  } finally {
    rmSync(path, { force: true });
  }
}

function take(path, onWait) {
  mkdirSync(dirname(path), { recursive: true });
  for (let waited = false; ; waited = true) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = readHolder(path);
    if (holder === undefined || !lives(holder)) {
      rmSync(path, { force: true });
    } else {
      if (!waited) onWait(holder);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
}

function readHolder(path) {
  try {
    return Number.parseInt(readFileSync(path, 'utf8'), 10) || undefined;
  } catch {
    return undefined;
  }
}

function lives(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
