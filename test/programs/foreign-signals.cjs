// What becomes of signals that are not about a view. Words: a file of at least two pages, and the case.
const { truncateSync } = require('node:fs');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const [, , built, path, how] = isMainThread ? process.argv : workerData;
const { open } = require(built);

// memory.load of a page far outside of a memory of one page.
const OUTSIDE = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 5, 1, 1, 103, 0, 0, 10, 9, 1, 7, 0, 32, 0, 40, 2,
  0, 11,
]);

async function view(file) {
  for (;;) {
    const bytes = file.tryPage(1);
    if (bytes) return bytes;
    await file.getPages([1]).arrived;
  }
}

/** Touches what is no more, and says what the file then says. */
async function touch(file) {
  const bytes = await view(file);
  truncateSync(path, 4096);
  const byte = bytes[10];
  truncateSync(path, 8192);
  try {
    file.tryPage(0);
    return `nothing, and read ${byte}`;
  } catch ({ code }) {
    await file.refresh();
    return code;
  }
}

function trap() {
  const { g } = new WebAssembly.Instance(new WebAssembly.Module(OUTSIDE)).exports;
  try {
    return `${g(1 << 30)}`;
  } catch (error) {
    return error.constructor.name;
  }
}

const listener = () => console.log('the listener was called');

const CASES = {
  async 'listener before open'() {
    process.on('SIGBUS', listener);
    process.on('SIGSEGV', listener);
    console.log(await touch(await open(path)));
  },
  async 'listener after open'() {
    const file = await open(path);
    process.on('SIGBUS', listener);
    process.on('SIGSEGV', listener);
    console.log(await touch(file));
  },
  async 'listener after open, trust never'() {
    const file = await open(path, { trust: 'never' });
    process.on('SIGBUS', listener);
    console.log(await touch(file));
  },
  async 'listener removed'() {
    const file = await open(path);
    for (const name of ['SIGBUS', 'SIGSEGV']) {
      process.on(name, listener);
      process.off(name, listener);
    }
    console.log(await touch(file));
  },
  async 'listener for once'() {
    const file = await open(path);
    const called = new Promise((resolve) => process.once('SIGBUS', resolve));
    process.kill(process.pid, 'SIGBUS');
    await called;
    console.log(await touch(file));
  },
  async 'all listeners removed'() {
    const file = await open(path);
    process.on('SIGBUS', listener);
    process.removeAllListeners('SIGBUS');
    console.log(await touch(file));
  },
  async 'listener is still told'() {
    const file = await open(path);
    const called = new Promise((resolve) => process.on('SIGSEGV', resolve));
    console.log(await touch(file));
    process.kill(process.pid, 'SIGSEGV');
    console.log(await called);
  },
  async 'trap after open'() {
    const file = await open(path);
    console.log(trap());
    console.log(await touch(file));
    console.log(trap());
  },
  async 'killed from outside'() {
    const file = await open(path);
    console.log(await touch(file));
    console.log('ready');
  },
  async 'worker, listener in the main thread'() {
    const worker = new Worker(__filename, { workerData: [0, 0, built, path, 'in the worker'] });
    worker.on('message', (message) => {
      if (message !== 'ready') return process.stdout.write(`${message}\n`, () => process.exit());
      // Until the handlers are back it is told of the bad touch, again and again.
      process.on('SIGBUS', () => {});
      worker.postMessage('go');
    });
  },
  async 'in the worker'() {
    const file = await open(path, { trust: 'never' });
    const bytes = await view(file);
    parentPort.once('message', async () => parentPort.postMessage(await touch(file)));
    parentPort.postMessage(bytes.length > 0 ? 'ready' : 'no view');
  },
};

// Waiting for a signal keeps no process alive.
const alive = setInterval(() => {}, 1000);
CASES[how]().then(() => {
  if (isMainThread && !['killed from outside', 'worker, listener in the main thread'].includes(how)) process.exit();
  if (!isMainThread) clearInterval(alive);
});
