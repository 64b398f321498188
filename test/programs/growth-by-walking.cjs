// Walks over a tree in each way and prints by how much the heap, and the memory outside of it, have grown from the first files to the last ones.
const [, , built, folder, count] = process.argv;
const { evict, inspect, warm } = require(built);
const { usedMemory } = require('./used-memory.cjs');

/** In the middle of a folder: so much of it is held at both times. */
const FIRST = 2500;

async function growth(files) {
  let seen = 0;
  let before;
  let after;
  for await (const { finished = true } of files) {
    if (!finished) continue;
    seen += 1;
    if (seen === FIRST) before = await usedMemory();
    if (seen === Number(count) - 1500) after = await usedMemory();
  }
  return { seen, grownBytes: after - before };
}

async function main() {
  const ways = {
    counted: () => inspect(folder),
    mapped: () => inspect(folder, { map: true, cells: 100 }),
    filtered: () => inspect(folder, { include: ['f*'] }),
    warmed: () => warm(folder),
    dropped: () => evict(folder),
  };
  const found = {};
  for (const [way, files] of Object.entries(ways)) found[way] = await growth(files());
  console.log(JSON.stringify(found));
}

main();
