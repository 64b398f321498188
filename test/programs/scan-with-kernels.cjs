// Scans a file of bitmaps with the kernels that the environment asks for. Words: the file, and a file of { rowCount, trees } as JSON. Prints
// what comes out of each tree: how many rows, and a hash of the rows and of the bitmap.
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const [, , built, path, questions] = process.argv;
const { open } = require(built);
const { Scanner } = require(join(dirname(built), 'bitmap', 'scanner.js'));

async function main() {
  const { rowCount, trees } = JSON.parse(readFileSync(questions, 'utf8'));
  const file = await open(path);
  const scanner = new Scanner(file, rowCount);
  const answers = [];
  for (const tree of trees) {
    const rows = createHash('sha256');
    for await (const batch of scanner.rows(tree)) rows.update(batch);
    const bitmap = createHash('sha256').update(await scanner.bitmap(tree));
    answers.push({ count: await scanner.count(tree), rows: rows.digest('hex'), bitmap: bitmap.digest('hex') });
  }
  await scanner.close();
  await file.close();
  process.stdout.write(JSON.stringify(answers));
}

main();
