// Enters a memory cgroup, locks the even pages of a file, brings the odd ones in as well, and has the cgroup reclaim all it can. Prints how many of each
// are still in memory.
const { existsSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const [, , built, path, cgroup] = process.argv;
const { open } = require(built);

function reclaim() {
  const all = join(cgroup, 'memory.force_empty');
  try {
    if (existsSync(all)) writeFileSync(all, '0');
    else writeFileSync(join(cgroup, 'memory.reclaim'), '256M');
  } catch (error) {
    // It could not reclaim as much as it was asked for.
    if (!['EAGAIN', 'EBUSY'].includes(error.code)) throw error;
  }
}

async function main() {
  writeFileSync(join(cgroup, 'cgroup.procs'), '0');
  const file = await open(path);
  const even = Array.from({ length: file.pageCount / 2 }, (_, i) => 2 * i);
  const odd = even.map((page) => page + 1);
  await file.lock(even);
  await file.getPages(odd).arrived;
  reclaim();
  const stays = { even: 0, odd: 0 };
  for (const { offset, length, state } of (await file.residency()).runs) {
    if (state !== 'resident') continue;
    for (let at = offset; at < offset + length; at += file.pageSize) stays[(at / file.pageSize) % 2 === 0 ? 'even' : 'odd']++;
  }
  await file.close();
  console.log(JSON.stringify(stays));
}

main();
