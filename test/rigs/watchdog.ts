// Outlives the process that started it (its number is the one word), and undoes that process's rigs when it has ended, in whatever way.
// Lines: "+ FOLDER" for a rig that was begun, "- FOLDER" for one that was undone.
import { createInterface } from 'node:readline';
import { lives, processId } from './scratch';
import { undo } from './undo';

const folders = new Set<string>();

async function main(): Promise<void> {
  const owner = processId(Number(process.argv[2]));
  // What ends the others of a terminal or a session must not end the one that cleans up after them.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => (line.startsWith('+') ? folders.add(line.slice(2)) : folders.delete(line.slice(2))));
  lines.on('close', undoAll);
  // The end of the pipe alone would not do: a process with a thread that hangs in a file system keeps its descriptors open when it is killed, until
  // the very thing has happened that is waited for here.
  setInterval(() => {
    if (!lives(owner)) lines.close();
  }, 100).unref();
}

async function undoAll(): Promise<void> {
  // At the same time: a process that hangs in one rig may be what keeps another busy. There is nobody to tell about failures; "npm run rig -- undo"
  // tries again what is left.
  await Promise.allSettled([...folders].map(undo));
  process.exit();
}

void main();
