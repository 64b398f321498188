// Asks for the same pages again and again and prints by how much the heap and the memory outside of it have grown.
const [, , built, path] = process.argv;
const { open } = require(built);
const { usedMemory } = require('./used-memory.cjs');

async function main() {
  const file = await open(path);
  const pages = Array.from({ length: 1000 }, (_, i) => i);
  async function ask(times) {
    for (let i = 0; i < times; i++) {
      const set = file.getPages(pages);
      await set.arrived;
      for (const page of pages) file.tryPage(page);
    }
  }
  await ask(100);
  const before = await usedMemory();
  await ask(3000);
  const after = await usedMemory();
  console.log(JSON.stringify({ grownBytes: after - before }));
  await file.close();
}

main();
