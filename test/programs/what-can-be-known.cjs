// Reads a file in every way and prints what was a hit when nothing had been read yet, and whether the bytes are the file's. Words: file, trust, and 'setuid' to give
// up root's rights after the opening.
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const [, , built, path, trust, setuid] = process.argv;
const { open } = require(built);

const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');
const numbers = (count) => Array.from({ length: count }, (_, i) => i);

async function word(line) {
  fs.writeSync(1, `${line}\n`);
  await new Promise((resolve, reject) => fs.read(0, Buffer.alloc(16), 0, 16, null, (error) => (error ? reject(error) : resolve())));
}

async function main() {
  const file = await open(path, { trust });
  const pages = numbers(file.pageCount);
  if (setuid) {
    await file.getPages(pages).arrived;
    for (const page of pages) file.tryPage(page);
    process.setgroups([]);
    process.setgid(65534);
    process.setuid(65534);
  }
  await word('ready');
  // One by one, then all at once: nothing has been asked for by then.
  const tried = pages.filter((page) => file.tryPage(page) !== undefined);
  const ranges = pages.filter((page) => file.tryRange(page * file.pageSize + 1, 2) !== undefined);
  const copied = pages.filter((page) => file.tryRead([Buffer.alloc(4)], [page * file.pageSize]) !== undefined);
  const whole = file.tryRange(0, file.size) === undefined ? 'missing' : 'resident';
  const set = file.getPages(pages);
  const hits = pages.filter((page) => set.isHit(page));
  await word('asked');
  const parts = [];
  for await (const entry of set) parts[entry] = Buffer.from(set.bytes(entry));
  const room = Buffer.alloc(file.size);
  await file.read([room], [0]);
  const { unknownBytes, residentBytes } = await file.residency();
  // What has arrived is a hit in the turn in which it does; but where the kernel tells nothing and nothing is believed, never.
  let after = 0;
  for (let tries = 0; after < pages.length && tries < 20; tries++) {
    const again = file.getPages(pages);
    await again.arrived;
    after = pages.filter((page) => file.tryPage(page) !== undefined).length;
  }
  const { boardHits, errors } = file.stats();
  await file.close();
  console.log(
    JSON.stringify({
      tried,
      ranges,
      copied,
      hits,
      whole,
      after,
      boardHits,
      errors,
      unknownBytes,
      residentBytes,
      hashes: [hash(Buffer.concat(parts)), hash(room)],
    }),
  );
}

main();
