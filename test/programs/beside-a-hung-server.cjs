// Asks for more pages of a file that hangs than it has threads, and then reads others beside it. "go on" comes when reads have reached the server.
const { createHash } = require('node:crypto');
const { once } = require('node:events');
const [, , built, hanging, other, elsewhere, how] = process.argv;
const { configure, open } = require(built);

async function firstPage(path) {
  const file = await open(path);
  const into = Buffer.alloc(4096);
  await file.read([into], [0]);
  return createHash('sha256').update(into).digest('hex');
}

async function main() {
  configure({ maxThreads: 8 });
  const file = await open(hanging);
  const sets = Array.from({ length: 40 }, (_, i) => file.getPages([i * 100]));
  process.send('asked');
  await once(process, 'message');
  console.log(`elsewhere ${await firstPage(elsewhere)}`);
  console.log(`other ${await firstPage(other)}`);
  console.log(`still waiting ${sets.filter((set) => !set.complete).length}`);
  process.disconnect();
  if (how === 'by process.exit') process.exit(0);
}

main();
