// Takes the place of the library at the addon's door: has single pages fetched while the event loop stands still, and prints how often the loop was called for how many
// that arrived. Words: file, pages.
const { dirname, join } = require('node:path');
const [, , built, path, count] = process.argv;
const native = require(join(dirname(built), 'native.js')).addon();

async function main() {
  const file = await native.open(Buffer.from(path), true);
  const pages = Number(count);
  let calls = 0;
  let arrived = 0;
  const done = new Promise((resolve) => {
    native.onCompletions((_, some) => {
      calls += 1;
      arrived += some;
      if (arrived === pages) resolve();
    });
  });
  native.keepAlive(true);
  // Every second page, so that each is a run of its own.
  const first = Float64Array.from({ length: pages }, (_, i) => 2 * i);
  file.fetch(Uint32Array.from(first.keys()), first, new Float64Array(pages).fill(1), false);
  // The loop turns again only when everything has been read, or nearly, should somebody else have read some of it.
  const fetched = () => file.counters()[1];
  for (let i = 0; i < 2000 && fetched() < pages * native.pageSize; i++) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  await done;
  await file.close();
  native.keepAlive(false);
  console.log(JSON.stringify({ calls, arrived }));
}

main();
