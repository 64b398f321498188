// Locks pages of a file that it neither closes nor holds, and ends when they are no longer locked. Run with --expose-gc.
const { readFileSync } = require('node:fs');

const [, , built, path] = process.argv;
const { open } = require(built);

function lockedByKernel() {
  return 1024 * Number(/^VmLck:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
}

async function lockAndForget() {
  // Nobody holds the file even while it works: its promise has to.
  let locking = true;
  const locked = (await open(path)).lock([1, 3, { first: 5, count: 3 }]).finally(() => {
    locking = false;
  });
  while (locking) {
    global.gc();
    await new Promise(setImmediate);
  }
  await locked;
  return lockedByKernel();
}

async function main() {
  const locked = await lockAndForget();
  while (lockedByKernel() > 0) {
    global.gc();
    await new Promise(setImmediate);
  }
  console.log(JSON.stringify({ locked }));
}

main();
