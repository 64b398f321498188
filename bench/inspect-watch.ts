import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { projectRoot } from './baseline';
import type { Figure, Surroundings } from './contract';
import { inFolder, sparseFile } from './inspect-files';
import { figure } from './rounds';

const GIB = 2 ** 30;
const FILES = 100;
/** What of each file is in memory: 16 MiB in 16 places. */
const PLACES = 16;
const PLACE_BYTES = 2 ** 20;
/** Starting, walking and compiling are not what a day of watching costs, in ms. */
const SETTLING = 4000;

/** What `watch` and `serve` take of a processor while somebody looks at them. */
export async function watchFigures({ files, quick, narrate }: Surroundings): Promise<Figure[]> {
  return inFolder(files, 0, async (folder) => {
    narrate(`watch and serve on ${FILES} files of 1 GiB`);
    for (let i = 0; i < FILES; i++) sparseFile(join(folder, `file-${i}`), GIB, PLACES, PLACE_BYTES);
    const rounds = quick ? 2 : 4;
    const watch = await withCommand(['watch', folder], async (child) => shares(child, rounds));
    const serve = await withCommand(['serve', '--json', '--port', '0', folder], async (child) => {
      const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
      const { url } = JSON.parse(line.toString()) as { url: string };
      const request = get(new URL('/events', url), (events) => events.resume());
      try {
        return await shares(child, rounds);
      } finally {
        request.destroy();
      }
    });
    const [watching, serving] = [figure('watch', watch, ''), figure('serve', serve, '')];
    const worse = watching.value > serving.value ? watching : serving;
    const what = `watch or serve, whichever takes more, on ${FILES} files of 1 GiB, percent of a core`;
    return [
      { ...worse, key: 'watchCpu', what, target: { atMost: 5 } },
      { ...watching, key: 'watchCommandCpu', what: 'watch alone' },
      { ...serving, key: 'serveCpu', what: 'serve alone, one page looking' },
    ];
  });
}

async function withCommand<T>(args: readonly string[], work: (child: ChildProcess) => Promise<T>): Promise<T> {
  const child = spawn(process.execPath, [join(projectRoot(), 'dist', 'cli', 'main.js'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    // Taken, and thrown away: a screen would take it too.
    child.stdout.on('data', () => {});
    return await work(child);
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  }
}

/** Percent of a core, of stretches of five seconds. */
async function shares(child: ChildProcess, rounds: number): Promise<number[]> {
  await pause(SETTLING);
  const found: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const [start, before] = [performance.now(), cpuOf(child.pid as number)];
    await pause(5000);
    if (child.exitCode !== null) throw new Error(`the command ended with exit code ${child.exitCode} while it was measured`);
    found.push((cpuOf(child.pid as number) - before) / 1e4 / (performance.now() - start));
  }
  return found;
}

/** CPU time of a process, threads that have ended included, in ns; the kernel counts it in hundredths of a second. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 1e7;
}
