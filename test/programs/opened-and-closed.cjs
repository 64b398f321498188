// Opens, reads and closes a file many times, or starts and ends many workers that read it, and prints what of it is left in the process, compared with a while
// after its start. Needs --expose-gc. Words: 'files' or 'workers', a file of some pages, how many times.
const { readdirSync, readFileSync, readlinkSync } = require('node:fs');
const { setTimeout: pause } = require('node:timers/promises');
const { Worker, isMainThread, workerData } = require('node:worker_threads');

/** At once: as many as keep the threads of the pool coming and going. */
const TOGETHER = { files: 8, workers: 4 };

function linesOf(file) {
  return readFileSync(`/proc/self/${file}`, 'latin1').trimEnd().split('\n');
}

/** Names of threads. One that ends while it is looked at is none. */
function threads() {
  return readdirSync('/proc/self/task').flatMap((task) => {
    try {
      return [readFileSync(`/proc/self/task/${task}/comm`, 'latin1').trimEnd()];
    } catch {
      return [];
    }
  });
}

function descriptors(path) {
  const targets = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
  return { all: targets.length, ofFile: targets.filter((target) => target === path).length };
}

function state(path) {
  // Garbage lies in mappings of the heap's.
  gc();
  const names = threads();
  const mappings = linesOf('maps');
  return {
    descriptors: descriptors(path),
    mappings: { all: mappings.length, ofFile: mappings.filter((line) => line.endsWith(path)).length },
    // The pool's, which end when they have had nothing to do for a while, and all others.
    threads: {
      pool: names.filter((name) => name === 'nofault-fetch').length,
      others: names.filter((name) => name !== 'nofault-fetch').length,
    },
  };
}

/** Opens, reads in one of several ways, and closes or does not. */
async function read(open, path, i) {
  const file = await open(path);
  if (i % 5 === 0) await file.getPages([i % 4, 3]).arrived;
  else if (i % 5 === 1) file.tryPage(i % 4);
  else if (i % 5 === 2) file.prefetch([0, 1, 2]);
  else if (i % 5 === 3) await file.read([Buffer.alloc(100)], [5000]);
  return file;
}

/** Ends in one of several ways. */
async function beWorker({ built, path, i }) {
  const file = await read(require(built).open, path, i);
  if (i % 4 === 0) return file.close();
  if (i % 4 === 1) process.exit(0);
  // It ends by itself, or is terminated at some moment.
}

async function startWorker(built, path, i) {
  const worker = new Worker(__filename, { workerData: { built, path, i } });
  const ended = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  if (i % 4 === 3) {
    await pause(i % 60);
    await worker.terminate();
  }
  await ended;
}

async function many(what, count, one) {
  let next = 0;
  const takeTurns = async () => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: TOGETHER[what] }, takeTurns));
}

/** What is closed is closed on a thread, and a worker's thread ends a moment after it has said so. */
async function settled(path, before) {
  const isOver = ({ descriptors: d, mappings: m, threads: t }) =>
    d.all <= before.descriptors.all && m.ofFile === 0 && t.pool === 0 && t.others <= before.threads.others;
  for (let tries = 0; tries < 300; tries++) {
    if (isOver(state(path))) break;
    await pause(100);
  }
  return state(path);
}

async function main(built, what, path, times) {
  const { open } = require(built);
  const one = what === 'files' ? async (i) => (await read(open, path, i)).close() : (i) => startWorker(built, path, i);
  // A tenth of it first: the heap, its threads and their memory grow to their size.
  await many(what, times / 10, one);
  const before = state(path);
  await many(what, times, one);
  const after = await settled(path, before);
  console.log(JSON.stringify({ before, after }));
}

if (isMainThread) {
  const [, , built, what, path, times] = process.argv;
  main(built, what, path, Number(times));
} else {
  beWorker(workerData);
}
