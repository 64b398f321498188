// Locks pages without the right to exceed RLIMIT_MEMLOCK, and prints what came of it.
const { readFileSync } = require('node:fs');

const [, , built, path, ...counts] = process.argv;
const { open } = require(built);

function lockedByKernel() {
  return 1024 * Number(/^VmLck:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
}

async function main() {
  const file = await open(path);
  if (process.getuid() === 0) {
    process.setgroups([]);
    process.setgid(65534);
    process.setuid(65534);
  }
  const results = [];
  for (const count of counts.map(Number)) {
    let failure;
    try {
      // Every second page: no two can be joined.
      await file.lock(Array.from({ length: count }, (_, i) => 2 * i));
    } catch ({ code, message, errno, syscall }) {
      failure = { code, message, errno, syscall };
    }
    const { lockedBytes } = file.stats();
    results.push({ failure, lockedBytes, lockedByKernel: lockedByKernel() });
  }
  await file.close();
  console.log(JSON.stringify({ results, atTheEnd: lockedByKernel() }));
}

main();
