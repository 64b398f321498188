// Takes views of several files, says that it has them, and waits for a word: meanwhile somebody may truncate the files or have their disk fail. Then touches each view
// in another way, and prints what came of it, a line of JSON each. Words: files' prefix, 'main' or 'worker', 'reads', 'writes' or 'both'.
const fs = require('node:fs');
const { Worker, isMainThread, workerData } = require('node:worker_threads');
const { setTimeout: delay } = require('node:timers/promises');
const { READS, WRITES, warm } = require('./ways-to-touch.cjs');

const [, , builtWord, prefixWord, where, kindWord] = process.argv;
const { built, prefix, kind } = isMainThread ? { built: builtWord, prefix: prefixWord, kind: kindWord } : workerData;
const { open } = require(built);

/** Longer than a verdict is believed, in ms. */
const UNTIL_NO_VERDICT_STANDS = 50;

/** Each gets a view of two pages. */
const WAYS = { reads: [READS], writes: [WRITES], both: [READS, WRITES] }[kind].flatMap((ways) => Object.entries(ways));

function codeOf(call) {
  try {
    const value = call();
    return value instanceof Uint8Array ? 'bytes' : String(value);
  } catch (error) {
    return error.code ?? String(error);
  }
}

async function main() {
  warm();
  const files = await Promise.all(WAYS.map((_, i) => open(prefix + i)));
  const size = files[0].pageSize;
  const views = [];
  for (const file of files) {
    let view = file.tryRange(size, 2 * size);
    while (!view) {
      await file.getRanges([{ offset: size, length: 2 * size }]).arrived;
      view = file.tryRange(size, 2 * size);
    }
    views.push(view);
  }
  say('ready');
  await word();
  for (const [i, [name, touch]] of WAYS.entries()) {
    let value;
    try {
      value = await touch(views[i]);
    } catch (error) {
      value = error.code ?? String(error);
    }
    // The kernel tells its caller of a bad page, and the guard of none: what was known of the pages before stands for its time.
    if (value === 'EFAULT') await delay(UNTIL_NO_VERDICT_STANDS);
    const file = files[i];
    // A page that the failure does not concern; and the bad one, twice.
    const told = codeOf(() => file.tryPage(3));
    let again = codeOf(() => file.tryPage(0));
    // It may leave memory at any moment, and is brought back.
    while (again === 'undefined') {
      await file.getPages([0]).arrived;
      again = codeOf(() => file.tryPage(0));
    }
    const bad = [0, 1].map(() => codeOf(() => file.tryRange(size, 2 * size)));
    const read = await file.read([Buffer.alloc(2 * size)], [size]).then(String, ({ code }) => code);
    say(JSON.stringify({ name, value, told, again, bad, read, lastError: file.stats().lastError?.code }));
  }
  await Promise.all(files.map((file) => file.close()));
  say(`closed, ${views.reduce((total, view) => total + view.length, 0)} bytes left`);
}

function say(line) {
  fs.writeSync(1, `${line}\n`);
}

/** A line on stdin. Read so that it works in a worker, too. */
function word() {
  return new Promise((resolve, reject) => fs.read(0, Buffer.alloc(16), 0, 16, null, (error) => (error ? reject(error) : resolve())));
}

if (isMainThread && where === 'worker') new Worker(__filename, { workerData: { built, prefix, kind } });
else main();
