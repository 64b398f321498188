// Reads random pages of a file wherever they are hits, while another thread's programs overwrite it, punch holes and evict. Every 8 bytes of a page say which
// page they belong to and which generation wrote them, so that what is served can be judged by itself. Words: file, ms.
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { Worker, isMainThread, workerData } = require('node:worker_threads');

const PAGE = 4096;
const PAGES = 512;

function pageOf(page, generation) {
  const bytes = Buffer.alloc(PAGE);
  for (let at = 0; at < PAGE; at += 8) {
    bytes.writeUInt32LE(page + 1, at);
    bytes.writeUInt32LE(generation, at + 4);
  }
  return bytes;
}

const random = (below) => Math.floor(Math.random() * below);

/** One step of the opponent. */
function trouble(path, generation) {
  const page = random(PAGES);
  const count = 1 + random(40);
  const dd = (...words) => spawnSync('dd', [`of=${path}`, 'conv=notrunc', 'status=none', ...words], { stdio: 'ignore' });
  switch (random(5)) {
    case 0: {
      const fd = fs.openSync(path, 'r+');
      fs.writeSync(fd, pageOf(page, generation), 0, PAGE, page * PAGE);
      fs.closeSync(fd);
      return;
    }
    case 1:
      spawnSync('fallocate', ['-p', '-o', String(page * PAGE), '-l', String(count * PAGE), path]);
      return;
    case 2: {
      const input = Buffer.concat(Array.from({ length: Math.min(count, PAGES - page) }, (_, i) => pageOf(page + i, generation)));
      fs.writeFileSync(`${path}.next`, input);
      dd(`if=${path}.next`, `bs=${PAGE}`, `seek=${page}`, 'oflag=direct');
      return;
    }
    case 3:
      dd(`if=${path}`, `bs=${PAGE}`, `skip=${page}`, `seek=${page}`, `count=${count}`, 'iflag=direct', 'oflag=direct');
      return;
    default:
      dd('oflag=nocache', 'count=0');
  }
}

async function read(built, path, time) {
  fs.writeFileSync(path, Buffer.concat(Array.from({ length: PAGES }, (_, page) => pageOf(page, 1))));
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const opponent = new Worker(__filename, { workerData: { path, stop } });
  const ended = new Promise((resolve, reject) => opponent.once('exit', resolve).once('error', reject));
  const file = await require(built).open(path);
  const wrong = [];
  let served = 0;
  let evicted = 0;
  for (const end = performance.now() + time; performance.now() < end; ) {
    for (let i = 0; i < 2000; i++) {
      const page = random(PAGES);
      const bytes = file.tryPage(page);
      if (bytes === undefined) {
        evicted += 1;
        file.prefetch([page]);
        continue;
      }
      served += 1;
      const words = new Uint32Array(bytes.buffer, bytes.byteOffset, PAGE / 4);
      const at = 2 * random(PAGE / 8);
      // Once: a hole that was there may be filled the next time.
      const word = words[at];
      if (word !== page + 1 && word !== 0) wrong.push({ page, at, word });
    }
    await new Promise(setImmediate);
  }
  Atomics.store(stop, 0, 1);
  await ended;
  const { errors, lastError } = file.stats();
  await file.close();
  console.log(JSON.stringify({ wrong: wrong.slice(0, 5), served, evicted, errors, lastError: lastError?.message }));
}

if (isMainThread) {
  const [, , built, path, time] = process.argv;
  read(built, path, Number(time));
} else {
  for (let generation = 2; Atomics.load(workerData.stop, 0) === 0; generation++) trouble(workerData.path, generation);
}
