import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Figure } from './contract';
import { figure } from './rounds';
import { quantile } from './statistics';

const SERVER = join(__dirname, '..', 'examples', 'query-server.js');

const HOT_A_SECOND = 500;
const COLD_AT_ONCE = 32;

/** Milliseconds of requests alone. Beside scans they go on for as long as these take, a second or two: hence many rounds. */
const IDLE = 3000;

/** Milliseconds of requests before a half that are not counted: code is compiled; connections are made, 32 of them when all scans begin at once. */
const RUN_UP = 1000;
const BEGINNING = 300;

/** What the query server is asked. */
export interface ServerLoad {
  /** An index on a disk, which no process maps while `evict` runs. */
  readonly index: string;
  /** Expressions that need little, asked over and over. */
  readonly hot: readonly string[];
  /** Expressions whose pages are not in memory, each asked once a round: long enough together that 32 of them run for seconds. */
  readonly cold: readonly string[];
  /** Makes the index cold. */
  evict(): Promise<void>;
  readonly rounds: number;
  narrate(line: string): void;
}

/**
 * Hot requests to `examples/query-server` at a fixed rate, alone and while cold scans run. Each is timed from the moment when it was due, so that a server that stands still is charged with
 * all that it keeps waiting.
 */
export async function serverFigures(load: ServerLoad): Promise<Figure[]> {
  const alone: number[] = [];
  const beside: number[] = [];
  const scans: number[] = [];
  const beginnings: number[] = [];
  for (let round = 0; round < load.rounds; round++) {
    const { idle, busy, beginning, scansDone, seconds } = await oneRound(load);
    beginnings.push(beginning);
    alone.push(quantile(idle, 0.99));
    beside.push(quantile(busy, 0.99));
    scans.push(scansDone / seconds);
    load.narrate(
      `query server: p99 ${(alone[round] as number).toFixed(2)} ms alone (${idle.length} requests), ${(beside[round] as number).toFixed(2)} ms beside ${scansDone} cold scans in ${seconds.toFixed(1)} s (${busy.length} requests)`,
    );
  }
  return [
    figure(
      'hotP99Ratio',
      beside.map((p99, round) => p99 / (alone[round] as number)),
      `p99 of ${HOT_A_SECOND} hot requests a second while ${COLD_AT_ONCE} cold scans run, over the same without`,
      { atMost: 2 },
    ),
    figure('hotP99_ms', beside, 'that p99'),
    figure('hotP99Alone_ms', alone, 'the p99 without'),
    figure(
      'hotAtOnce_ms',
      beginnings,
      `the longest that a hot request took when ${COLD_AT_ONCE} cold scans began at once, each over a connection of its own`,
    ),
    figure('coldScans_per_s', scans, 'cold scans that ended meanwhile'),
  ];
}

async function oneRound(
  load: ServerLoad,
): Promise<{ idle: number[]; busy: number[]; beginning: number; scansDone: number; seconds: number }> {
  await load.evict();
  const server = await startServer(load.index);
  try {
    // Until each of them is answered from memory: they are small, and nothing else is read yet.
    for (let i = 0; i < 3; i++) for (const where of load.hot) await server.count(where);
    await requests(server, load.hot, pause(RUN_UP));
    const idle = await requests(server, load.hot, pause(IDLE));
    const start = performance.now();
    const scans = scanAll(server, load.cold);
    const beginning = await requests(server, load.hot, pause(BEGINNING));
    const busy = await requests(server, load.hot, scans);
    return { beginning: Math.max(...beginning), idle, busy, scansDone: await scans, seconds: (performance.now() - start) / 1000 };
  } finally {
    await server.stop();
  }
}

/** Asks hot queries at a fixed rate until `over` resolves; how long each took from when it was due, in ms. */
async function requests(server: Server, hot: readonly string[], over: Promise<unknown>): Promise<number[]> {
  let done = false;
  const ended = over.finally(() => {
    done = true;
  });
  const times: number[] = [];
  const answers: Promise<void>[] = [];
  const start = performance.now();
  for (let i = 0; !done; i++) {
    const due = start + (i * 1000) / HOT_A_SECOND;
    // A timer may be late by a turn: what was due meanwhile is sent at once, and its wait counts.
    if (due > performance.now()) await pause(Math.max(1, Math.round(due - performance.now())));
    answers.push(server.count(hot[i % hot.length] as string).then(() => void times.push(performance.now() - due)));
  }
  await Promise.all(answers);
  await ended;
  return times;
}

/** Asks all cold queries, so many at a time; how many there were. */
async function scanAll(server: Server, cold: readonly string[]): Promise<number> {
  const left = cold.values();
  const scan = async (): Promise<void> => {
    for (const where of left) await server.count(where);
  };
  await Promise.all(Array.from({ length: COLD_AT_ONCE }, scan));
  return cold.length;
}

interface Server {
  count(where: string): Promise<number>;
  stop(): Promise<void>;
}

async function startServer(index: string): Promise<Server> {
  const child: ChildProcess = spawn(process.execPath, [SERVER, index, '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the query server ended with ${code}: ${told}`)));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      told += text;
      const match = /http:\S+/.exec(told);
      if (match !== null) resolve(match[0]);
    });
  });
  const agent = new Agent({ keepAlive: true });
  return {
    count: (where) => countOf(`${url}count?where=${encodeURIComponent(where)}`, agent),
    async stop() {
      agent.destroy();
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

function countOf(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve((JSON.parse(text) as { count: number }).count);
        else reject(new Error(`the query server answered ${response.statusCode}: ${text}`));
      });
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      // The server may close a connection that was idle just when it is used again: that is asked once more, on the same clock.
      if (request.reusedSocket && error.code === 'ECONNRESET') resolve(countOf(url, agent));
      else reject(error);
    });
  });
}
