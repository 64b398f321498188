// Loads the package in workers only, one after the other, never in the main thread.
const { Worker } = require('node:worker_threads');
const { join } = require('node:path');
const { once } = require('node:events');
const [, , built, path] = process.argv;

async function main() {
  for (let i = 0; i < 5; i++) {
    const worker = new Worker(join(__dirname, 'worker-reading-pages.cjs'), { workerData: { built, path, pages: [0, 5, 24] } });
    const [code] = await once(worker, 'exit');
    if (code !== 0) throw new Error(`worker ${i} ended with ${code}`);
  }
  console.log('done');
}

main();
