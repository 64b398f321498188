// Reads a file in the main thread or in a worker, as lines on stdin say, and answers each with a line of JSON:
//   fetch PAGE...   asks for the pages in one vector; answers when they have arrived or failed, and goes on meanwhile
//   view PAGE       brings the page in and keeps a view of it
//   touch PAGE      reads the view: whether all of it is zeros, a hash, and what the next call on the file threw
//   close           closes the file and ends
// Words: file, 'main' or 'worker'.
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { createInterface } = require('node:readline');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex');
const told = ({ code, errno, offset }) => ({ code, errno, offset });
/** Past the main thread's stream, which a worker would have to wait for. */
const say = (answer) => fs.writeSync(1, `${JSON.stringify(answer)}\n`);

async function obey(built, path, lines) {
  const file = await require(built).open(path);
  const views = new Map();
  const pageOf = async (page) => {
    for (let view = file.tryPage(page); ; view = file.tryPage(page)) {
      if (view) return view;
      await file.getPages([page]).arrived;
    }
  };
  const orders = {
    fetch: (...pages) =>
      void file.getPages(pages).arrived.then(
        () => say({ arrived: pages.length }),
        (error) => say(told(error)),
      ),
    view: async (page) => {
      views.set(page, await pageOf(page));
      say({ view: page });
    },
    touch: (page) => {
      const view = views.get(page);
      const answer = { zeros: view.every((byte) => byte === 0), hash: hashOf(view) };
      try {
        file.tryPage(0);
      } catch (error) {
        answer.told = told(error);
      }
      say(answer);
    },
    close: async () => {
      await file.close();
      say({ closed: true, left: [...views.values()].reduce((sum, view) => sum + view.length, 0) });
    },
  };
  say({ ready: true });
  for await (const line of lines) {
    const [order, ...words] = line.split(' ');
    await orders[order](...words.map(Number));
    if (order === 'close') return;
  }
}

async function* messages() {
  const waiting = [];
  let wake = () => {};
  parentPort.on('message', (line) => {
    waiting.push(line);
    wake();
  });
  for (;;) {
    while (waiting.length > 0) yield waiting.shift();
    await new Promise((resolve) => {
      wake = resolve;
    });
  }
}

if (!isMainThread) {
  obey(workerData.built, workerData.path, messages()).then(() => parentPort.close());
} else {
  const [, , built, path, where] = process.argv;
  const lines = createInterface(process.stdin);
  if (where === 'main') obey(built, path, lines).then(() => process.stdin.destroy());
  else {
    const worker = new Worker(__filename, { workerData: { built, path } });
    lines.on('line', (line) => worker.postMessage(line));
    worker.on('exit', () => process.stdin.destroy());
  }
}
