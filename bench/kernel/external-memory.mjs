// What V8 does when mapped windows appear as Buffers: full garbage collections while windows of one size are mapped and dropped, 24 GiB of addresses in all.
// Prints facts as the programs in C do.
import { openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';

const folder = process.argv[2];
const repeats = 3;
const require = createRequire(import.meta.url);

function mapper() {
  try {
    return require('mmap-io');
  } catch {
    return undefined;
  }
}

const mmap = mapper();
if (mmap === undefined) {
  process.stderr.write('external-memory: skipped, mmap-io is not installed\n');
  process.exit(0);
}

const collections = [];
const minor = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    (entry.detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR ? collections : minor).push(entry.duration);
  }
}).observe({ entryTypes: ['gc'] });

// A heap that takes time to collect, as a program's does.
const heap = Array.from({ length: 2_000_000 }, (_, i) => ({ i, text: `row ${i}` }));

const path = join(folder, 'sparse');
writeFileSync(path, '');
truncateSync(path, 2 ** 30);
const fd = openSync(path, 'r');

const tally = (durations) => ({ count: durations.length, milliseconds: durations.reduce((sum, one) => sum + one, 0) });

/** Maps windows one after the other, a few of them in use at a time. */
async function windows(mebibytes) {
  const count = (24 * 1024) / mebibytes;
  const used = [];
  await setTimeout(50);
  collections.length = 0;
  for (let i = 0; i < count; i++) {
    used[i % 4] = mmap.map(mebibytes * 2 ** 20, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0);
    if (i % 4 === 3) await setTimeout(1);
  }
  await setTimeout(50);
  return tally(collections);
}

/** The same addresses through this library, which tells V8 of each window not to count it: a page in each of them, a few at a time. */
async function throughNofault(open) {
  const far = join(folder, 'far');
  writeFileSync(far, '');
  truncateSync(far, 24 * 2 ** 30);
  const file = await open(far);
  const step = 2 ** 25 / file.pageSize;
  await setTimeout(50);
  collections.length = 0;
  for (let page = 0; page < file.pageCount; page += step * 4) {
    await file.getPages([page, page + step, page + 2 * step, page + 3 * step]).arrived;
  }
  await setTimeout(50);
  const run = tally(collections);
  await file.close();
  rmSync(far);
  return run;
}

/** So many windows of 48 MiB are mapped, `atOnce` at a time, and after each time 100 small arrays made that are not on V8's heap. */
async function besideYoungOnes(windows, atOnce) {
  const used = [];
  await setTimeout(50);
  minor.length = 0;
  for (let i = 0; i < windows; i++) {
    used.push(mmap.map(48 * 2 ** 20, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0));
    if ((i + 1) % atOnce === 0) for (let j = 0; j < 100; j++) used.push(new Uint8Array(1024));
  }
  await setTimeout(50);
  return tally(minor);
}

/** So many windows of 48 MiB are mapped at once, and then so many small arrays made: the collections that the next 100 make. */
async function afterwards(windows, between) {
  const used = [];
  for (let i = 0; i < windows; i++) used.push(mmap.map(48 * 2 ** 20, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0));
  for (let i = 0; i < between; i++) used.push(new Uint8Array(1024));
  await setTimeout(50);
  minor.length = 0;
  for (let i = 0; i < 100; i++) used.push(new Uint8Array(1024));
  await setTimeout(50);
  return tally(minor);
}

function report(runs, name, kind = 'full') {
  for (const [what, unit, values] of [
    [`${kind} collections`, 'collections', runs.map((run) => run.count)],
    ['time in them', 'ms', runs.map((run) => run.milliseconds)],
  ]) {
    values.sort((a, b) => a - b);
    process.stdout.write(`external-memory\t${what}, ${name}\t${unit}\t${values[values.length >> 1]}\t${values[0]}\t${values.at(-1)}\n`);
  }
}

for (const mebibytes of [1024, 256, 64, 48, 16]) {
  const runs = [];
  for (let run = 0; run < repeats; run++) runs.push(await windows(mebibytes));
  report(runs, `${(24 * 1024) / mebibytes} windows of ${mebibytes} MiB, one after the other`);
}
try {
  const { open } = require('nofault');
  const runs = [];
  for (let run = 0; run < repeats; run++) runs.push(await throughNofault(open));
  report(runs, '24 GiB read through nofault');
} catch (error) {
  process.stderr.write(`external-memory: nofault itself was left out: ${error.message}\n`);
}
for (const atOnce of [1, 8, 32]) {
  const runs = [];
  for (let run = 0; run < repeats; run++) runs.push(await besideYoungOnes(32, atOnce));
  report(runs, `32 windows of 48 MiB, ${atOnce} at once, and small arrays after each`, 'minor');
}
for (const between of [0, 1, 2]) {
  const runs = [];
  for (let run = 0; run < repeats; run++) runs.push(await afterwards(16, between));
  report(runs, `100 small arrays after 16 windows of 48 MiB at once and ${between} small arrays`, 'minor');
}
rmSync(path);
process.exitCode = heap.length > 0 ? 0 : 1;
