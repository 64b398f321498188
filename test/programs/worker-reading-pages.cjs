// A worker: reads pages and answers with a hash of their bytes, or asks for them and waits to be terminated.
const { createHash } = require('node:crypto');
const { parentPort, workerData } = require('node:worker_threads');
const { built, path, pages, abandon } = workerData;
const { open } = require(built);

async function main() {
  const file = await open(path);
  const set = file.getPages(pages);
  if (abandon) {
    parentPort.postMessage('asked');
    await set.arrived;
    setInterval(() => {}, 1000);
    return;
  }
  await set.arrived;
  const hash = createHash('sha256');
  for (const page of pages) {
    let bytes = file.tryPage(page);
    while (!bytes) {
      await file.getPages([page]).arrived;
      bytes = file.tryPage(page);
    }
    hash.update(bytes);
  }
  await file.close();
  parentPort.postMessage(hash.digest('hex'));
}

main();
