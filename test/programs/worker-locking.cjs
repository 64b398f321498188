// A worker that locks and unlocks until it is terminated.
const { parentPort, workerData } = require('node:worker_threads');

const { open } = require(workerData.built);

async function main() {
  const file = await open(workerData.path);
  const pages = Array.from({ length: 2000 }, (_, i) => 2 * i);
  for (let round = 0; ; round++) {
    await file.lock(pages);
    if (round === 1) parentPort.postMessage('locked once');
    await file.unlock(pages);
  }
}

main();
