// Reads in one of several ways and then does what its name says, so that a test can see how the process ends.
const [, , built, path, how] = process.argv;
const { open } = require(built);

const PAGES = Array.from({ length: 100_000 }, (_, i) => i * 160);

const WAYS = {
  open() {},
  prefetch(file) {
    file.prefetch(PAGES);
  },
  unawaited(file) {
    for (let i = 0; i < 3; i++) file.getPages(PAGES);
  },
  async awaited(file) {
    await file.getPages(PAGES).arrived;
    console.log('arrived');
  },
  async iterated(file) {
    let entries = 0;
    for await (const _ of file.getPages(PAGES.slice(0, 5000))) entries += 1;
    console.log(`${entries} entries`);
  },
  async read(file) {
    console.log(`${await file.read([Buffer.alloc(100_000)], [2 ** 33 + 5])} bytes`);
  },
  async residency(file) {
    console.log(`${(await file.residency()).size} bytes`);
  },
  'exit-with-reads'(file) {
    file.getPages(PAGES).arrived.then(() => console.log('arrived before the exit'));
    process.exit(7);
  },
  'exit-with-prefetch'(file) {
    file.prefetch(PAGES);
    process.exit(7);
  },
  async 'exit-in-iteration'(file) {
    for await (const entry of file.getPages(PAGES)) if (entry >= 0) process.exit(7);
  },
  'exit-while-closing'(file) {
    file.getPages(PAGES);
    file.close();
    process.exit(7);
  },
  uncaught(file) {
    file.getPages(PAGES);
    setImmediate(() => {
      throw new Error('thrown with reads in flight');
    });
  },
};

open(path).then(WAYS[how]);
