// Reads a file in every way while another thread truncates it at some moment, again and again. Every 4 bytes of it are their own place, and 1, so that nothing in it is
// zero. Words: file, rounds, 'main' or 'worker'.
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const PAGE = 4096;
const PAGES = 1500;

function whole() {
  const words = new Uint32Array((PAGES * PAGE) / 4);
  for (let i = 0; i < words.length; i++) words[i] = 4 * i + 1;
  return Buffer.from(words.buffer);
}

async function read(built, path, rounds) {
  const content = whole();
  fs.writeFileSync(path, content);
  const truncator = new Worker(__filename, { workerData: { truncates: path } });
  const file = await require(built).open(path);
  const outcomes = {};
  const count = (what) => {
    outcomes[what] = (outcomes[what] ?? 0) + 1;
  };
  const right = (bytes, offset) => Buffer.compare(bytes, content.subarray(offset, offset + bytes.length)) === 0;
  const codeOf = (call) => {
    try {
      return call() ? 'bytes' : 'nothing';
    } catch ({ code, message }) {
      return code ?? message;
    }
  };
  for (let round = 0; round < rounds; round++) {
    fs.writeFileSync(path, content);
    await file.refresh();
    if (round % 2 === 0) spawnSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'], { stdio: 'ignore' });
    const keep = 1 + ((round * 131) % (PAGES - 1));
    const truncated = new Promise((resolve) => truncator.once('message', resolve));
    truncator.postMessage({ keep, spin: ((round * 7919) % 97) * 20_000 });
    // Copies are whole and right, or an error.
    const room = Buffer.alloc(PAGES * PAGE);
    const reading = file.read([room], [0]).then(
      () => count(right(room, 0) ? 'read' : 'read wrong'),
      ({ code, message }) => count(`read ${code ?? message}`),
    );
    const iterating = (async () => {
      const set = file.getPages(Array.from({ length: PAGES }, (_, page) => page));
      for await (const entry of set) {
        let bytes;
        try {
          bytes = set.bytes(entry);
        } catch ({ code, message }) {
          count(`entry ${code ?? message}`);
          continue;
        }
        if (right(bytes, entry * PAGE)) count('entry');
        // It went while it was being looked at: then that is said as soon as somebody asks.
        else count(`entry wrong, then ${codeOf(() => file.tryPage(0))} and ${codeOf(() => file.tryPage(entry))}`);
      }
    })().catch(({ code, message }) => count(`iterating ${code ?? message}`));
    for (let tries = 0; tries < 40; tries++) {
      const page = (tries * 367) % PAGES;
      const small = Buffer.alloc(5000);
      const at = Math.min(page * PAGE + 100, PAGES * PAGE - small.length);
      try {
        const copied = file.tryRead([small], [at]);
        if (copied !== undefined) count(right(small, at) ? 'copied' : 'copied wrong');
      } catch ({ code, message }) {
        count(`copying ${code ?? message}`);
      }
      await new Promise(setImmediate);
    }
    await Promise.all([reading, iterating, truncated]);
  }
  await truncator.terminate();
  await file.close();
  console.log(JSON.stringify(outcomes));
}

if (isMainThread) {
  const [, , built, path, rounds, where] = process.argv;
  if (where === 'worker') new Worker(__filename, { workerData: { built, path, rounds } });
  else read(built, path, Number(rounds));
} else if (workerData.truncates === undefined) {
  read(workerData.built, workerData.path, Number(workerData.rounds));
} else {
  parentPort.on('message', ({ keep, spin }) => {
    let sum = 0;
    for (let i = 0; i < spin; i++) sum += i;
    fs.truncateSync(workerData.truncates, keep * PAGE);
    parentPort.postMessage(sum);
  });
}
