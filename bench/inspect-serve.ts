import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const PROGRAM = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');
/** The kernel counts processor time in these on every architecture that Node runs on (USER_HZ). */
const TICKS_PER_SECOND = 100;
/** What a process does once, when the first browser comes, is not what it costs to watch. */
const SETTLING_MS = 5000;

/** What `nofault serve` costs while one browser watches. */
export interface ServeCost {
  /** Processor time, in per cent of one core. */
  readonly watchCpu: number;
  /** Looks that the browser was told of, and over how many seconds. */
  readonly rounds: number;
  readonly seconds: number;
}

/** Serves these paths once a second to one browser that has the first files in view, and measures the whole process for `seconds`. */
export async function serveCost(paths: readonly string[], seconds = 20): Promise<ServeCost> {
  const child = spawn(process.execPath, [PROGRAM, 'serve', '--port', '0', '--json', ...paths], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const { url } = JSON.parse(line.toString()) as { url: string };
    const browser = await watch(url);
    await pause(SETTLING_MS);
    const [before, told, start] = [ticksOf(child), browser.rounds, performance.now()];
    await pause(seconds * 1000);
    const measured = (performance.now() - start) / 1000;
    const spent = (ticksOf(child) - before) / TICKS_PER_SECOND;
    return { watchCpu: (spent / measured) * 100, rounds: browser.rounds - told, seconds: measured };
  } finally {
    child.kill('SIGKILL');
  }
}

/** A browser's end: it reads everything, and says once that it shows the first files. */
async function watch(url: string): Promise<{ readonly rounds: number }> {
  const browser = { rounds: 0 };
  const events = await answerTo(`${url}events`);
  let text = '';
  let viewing = false;
  events.setEncoding('utf8').on('data', (more: string) => {
    text += more;
    const blocks = text.split('\n\n');
    text = blocks.pop() as string;
    for (const block of blocks) {
      if (block.startsWith('event: round\n')) browser.rounds += 1;
      if (viewing || !block.startsWith('event: state\n')) continue;
      viewing = true;
      const { stream, files } = JSON.parse(block.slice(block.indexOf('data: ') + 6)) as { stream: string; files: { id: number }[] };
      const inView = files.slice(0, 30).map(({ id }) => id);
      void answerTo(`${url}view?stream=${stream}&files=${inView.join()}`).then((answer) => answer.resume());
    }
  });
  // The program is killed when it has been measured.
  events.on('error', () => {});
  return browser;
}

function answerTo(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, resolve).on('error', reject);
  });
}

/** Of a process and all its threads: proc_pid_stat(5), fields 14 and 15. */
function ticksOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}
