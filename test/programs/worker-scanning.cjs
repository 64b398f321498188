// A worker: scans over and over, until it is terminated. Says when it has begun.
const { dirname, join } = require('node:path');
const { parentPort, workerData } = require('node:worker_threads');
const { built, path, rowCount, tree } = workerData;
const { open } = require(built);
const { Scanner } = require(join(dirname(built), 'bitmap', 'scanner.js'));

async function main() {
  const scanner = new Scanner(await open(path), rowCount);
  parentPort.postMessage(await scanner.count(tree));
  for (;;) await Promise.all([scanner.count(tree), scanner.bitmap(tree), scanner.count(tree)]);
}

main();
