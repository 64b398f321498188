// Measures the kernel facts of docs/kernel.md on this machine: compiles the programs beside this file, runs them, prints a table a topic and, as the last line,
// one JSON object. Data goes to stdout, narration to stderr.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, statSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const TOPICS = [
  'warm',
  'cold',
  'stream',
  'advice',
  'leaving',
  'mapping',
  'recency',
  'slow',
  'again',
  'locking',
  'waking',
  'passing',
  'idle',
  'external-memory',
];
const HELP = `npm run kernel-facts -- [--quick] [--json] [--folder PATH] [TOPIC...]

  TOPIC          ${TOPICS.join(' ')}; all of them unless named
  --quick        three runs of each instead of five, and shorter ones
  --json         the JSON object alone
  --folder PATH  where the test files go, at most 4.5 GiB at a time: on a disk (default: the system's folder for temporary files)

Some facts need root: what a stranger is told (mapping), recency, slow. The others do without. Ends with 0, or with 1 when a measurement could not be trusted.`;

const TMPFS = 0x01021994;
const here = dirname(fileURLToPath(import.meta.url));

function fail(text, status = 1) {
  process.stderr.write(`kernel facts: ${text}\n`);
  process.exit(status);
}

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        folder: { type: 'string', default: tmpdir() },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return fail(`${error.message}\n\n${HELP}`, 2);
  }
}

/** What the figures depend on: the kernel, and the device under the folder. */
function surroundings(folder) {
  const { dev } = statSync(folder);
  const device = `/sys/dev/block/${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  const read = (path) => {
    for (const base of [device, join(device, '..')]) {
      try {
        return readFileSync(join(base, path), 'utf8').trim();
      } catch {
        // A partition has no queue of its own; its disk, one up, has.
      }
    }
    return undefined;
  };
  return {
    kernel: release(),
    processors: cpus().length,
    scheduler: read('queue/scheduler')?.match(/\[(.*)\]/)?.[1],
    readAheadKiB: Number(read('queue/read_ahead_kb')) || undefined,
    longestRequestKiB: Number(read('queue/max_sectors_kb')) || undefined,
    hardwareTags: Number(read('mq/0/nr_tags')) || undefined,
  };
}

function compile(folder) {
  const program = join(folder, 'measure');
  const sources = readdirSync(here)
    .filter((name) => name.endsWith('.c'))
    .map((name) => join(here, name));
  const cc = process.env.CC ?? 'cc';
  const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-D_GNU_SOURCE', '-pthread', '-o', program];
  const done = spawnSync(cc, [...flags, ...sources], { stdio: ['ignore', 2, 2] });
  if (done.error?.code === 'ENOENT')
    fail(`expected a C compiler named ${cc}: install one (Debian: apt-get install gcc libc6-dev) or set CC`);
  if (done.status !== 0) fail(`${cc} could not compile the programs in ${here}`);
  return program;
}

/** Runs one topic; an array of facts, or undefined when it stopped early. */
async function measure(program, args) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const facts = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [topic, name, unit, median, low, high] = line.split('\t');
    facts.push({ topic, name, unit, median: Number(median), low: Number(low), high: Number(high) });
  }
  const status = child.exitCode ?? child.signalCode ?? (await new Promise((resolve) => child.once('close', resolve)));
  return status === 0 ? facts : undefined;
}

function short(value) {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function table(topic, facts) {
  const width = Math.max(...facts.map((fact) => fact.name.length));
  const lines = facts.map(({ name, unit, median, low, high }) => {
    const spread = low === high ? '' : `  (${short(low)} to ${short(high)})`;
    return `${name.padEnd(width)}  ${short(median).padStart(8)} ${unit}${spread}`;
  });
  return `\n${topic}\n${lines.join('\n')}\n`;
}

/** fio's own figure for scattered pages, to compare `cold` with; undefined where fio is not installed. */
function fio(folder, direct, engine, depth) {
  const args = [
    '--name=x',
    `--filename=${join(folder, 'fio')}`,
    '--rw=randread',
    '--bs=4k',
    '--size=2g',
    '--io_size=80m',
    '--fadvise_hint=random',
  ];
  const more = [
    `--direct=${direct}`,
    `--ioengine=${engine}`,
    `--iodepth=${depth}`,
    '--invalidate=1',
    '--refill_buffers',
    '--output-format=json',
  ];
  const runs = [];
  for (let run = 0; run < 4; run++) {
    const done = spawnSync('fio', [...args, ...more], { encoding: 'utf8' });
    if (done.status !== 0) return undefined;
    runs.push(1e6 / JSON.parse(done.stdout).jobs[0].read.iops);
  }
  // The first run may have had to write the file.
  const [low, median, high] = runs.slice(1).sort((a, b) => a - b);
  const kind = direct ? 'O_DIRECT' : 'buffered';
  return { topic: 'cold', name: `fio ${engine}, ${kind}, depth ${depth}`, unit: 'us/page', median, low, high };
}

const { values, positionals } = options();
if (values.help) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}
if (process.platform !== 'linux') fail(`these are facts about Linux, and this is ${process.platform}`);
const unknown = positionals.find((topic) => !TOPICS.includes(topic));
if (unknown !== undefined) fail(`expected topics out of ${TOPICS.join(' ')}, got ${unknown}`, 2);
if (statfsSync(values.folder).type === TMPFS) fail(`${values.folder} is in memory: name a folder on a disk with --folder`, 2);

const folder = mkdtempSync(join(values.folder, 'nofault-kernel-'));
// One of the facts is what somebody else may ask about a file in it.
chmodSync(folder, 0o711);
// The programs hear it too; what is in the folder has to go all the same.
process.on('SIGINT', () => {});
let failed = false;
try {
  const program = compile(folder);
  const all = [];
  for (const topic of positionals.length > 0 ? positionals : TOPICS) {
    const facts =
      topic === 'external-memory'
        ? await measure(process.execPath, [join(here, 'external-memory.mjs'), folder])
        : await measure(program, [...(values.quick ? ['--quick'] : []), '--folder', folder, topic]);
    if (facts === undefined) {
      failed = true;
      continue;
    }
    if (topic === 'cold') {
      for (const [direct, engine, depth] of [
        [0, 'io_uring', 128],
        [0, 'mmap', 1],
        [1, 'io_uring', 1],
        [1, 'io_uring', 32],
        [1, 'io_uring', 128],
      ]) {
        const fact = fio(folder, direct, engine, depth);
        if (fact !== undefined) facts.push(fact);
      }
    }
    if (!values.json && facts.length > 0) process.stdout.write(table(topic, facts));
    all.push(...facts);
  }
  process.stdout.write(`${values.json ? '' : '\n'}${JSON.stringify({ ...surroundings(folder), facts: all })}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
