// Brings pages of a file into memory, says 'here', and on a line 'ask' prints for each whether it is a hit; on 'again' begins anew. Words: file, pages.
const { createInterface } = require('node:readline');
const [, , built, path, count] = process.argv;
const { open } = require(built);

async function main() {
  const file = await open(path);
  const pages = Array.from({ length: Number(count) }, (_, i) => i);
  const bring = async () => {
    await file.getPages(pages).arrived;
    // On the boards, and used.
    for (const page of pages) file.tryPage(page);
    console.log('here');
  };
  await bring();
  for await (const line of createInterface(process.stdin)) {
    if (line === 'again') await bring();
    else console.log(JSON.stringify(pages.map((page) => file.tryPage(page) !== undefined)));
  }
  await file.close();
}

main();
