import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** DAMON as its sysfs interface offers it (Documentation/admin-guide/mm/damon/usage.rst of the kernel). */
const ADMIN = '/sys/kernel/mm/damon/admin/kdamonds';
const PAGE = 4096n;

type Range = readonly [first: bigint, end: bigint];

/** Why DAMON cannot be had to reclaim pages here; undefined where it can. */
export function damonLacks(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  if (!existsSync(ADMIN)) return 'needs DAMON in the kernel (CONFIG_DAMON_SYSFS, CONFIG_DAMON_PADDR)';
  const inUse = readdirSync(ADMIN).some((name) => /^\d+$/.test(name) && readFileSync(join(ADMIN, name, 'state'), 'utf8').trim() === 'on');
  if (inUse) return 'somebody else uses DAMON on this machine';
  try {
    write('nr_kdamonds', 1);
    write('0/contexts/nr_contexts', 1);
    const known = readFileSync(join(ADMIN, '0/contexts/0/avail_operations'), 'utf8').split('\n').includes('paddr');
    write('nr_kdamonds', 0);
    return known ? undefined : 'needs DAMON for physical addresses (CONFIG_DAMON_PADDR)';
  } catch {
    return 'needs the right to use DAMON';
  }
}

/**
 * Has DAMON reclaim, for as long as `work` takes, the page frames that hold what this process maps of the file: no others. A scheme of a real machine takes what was not
 * touched for long; this one takes everything, so that a test need not wait.
 */
export function whileReclaimedByDamon(path: string, work: () => void): void {
  const frames = framesOf(path);
  if (frames.length === 0) return;
  const context = '0/contexts/0';
  write('nr_kdamonds', 1);
  try {
    write('0/contexts/nr_contexts', 1);
    write(`${context}/operations`, 'paddr');
    write(`${context}/monitoring_attrs/intervals/sample_us`, 1000);
    write(`${context}/monitoring_attrs/intervals/aggr_us`, 5000);
    write(`${context}/targets/nr_targets`, 1);
    write(`${context}/targets/0/regions/nr_regions`, frames.length);
    for (const [i, [first, end]] of frames.entries()) {
      write(`${context}/targets/0/regions/${i}/start`, first);
      write(`${context}/targets/0/regions/${i}/end`, end);
    }
    write(`${context}/schemes/nr_schemes`, 1);
    const scheme = `${context}/schemes/0`;
    write(`${scheme}/action`, 'pageout');
    for (const [what, least, most] of [
      ['sz', PAGE, 2n ** 64n - 1n],
      ['nr_accesses', 0, 2 ** 32 - 1],
      ['age', 0, 2 ** 32 - 1],
    ] as const) {
      write(`${scheme}/access_pattern/${what}/max`, most);
      write(`${scheme}/access_pattern/${what}/min`, least);
    }
    // Should this process be killed, DAMON is left with nothing to do: each frame has been tried 64 times within a second.
    write(`${scheme}/quotas/bytes`, 64n * frames.reduce((bytes, [first, end]) => bytes + end - first, 0n));
    write(`${scheme}/quotas/reset_interval_ms`, 3_600_000);
    write('0/state', 'on');
    try {
      work();
    } finally {
      write('0/state', 'off');
    }
  } finally {
    write('nr_kdamonds', 0);
  }
}

/** The page frames of what this process maps of the file, ascending, neighbours joined. */
function framesOf(path: string): Range[] {
  const frames: bigint[] = [];
  const pagemap = openSync('/proc/self/pagemap', 'r');
  try {
    for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
      const [, from, to] = line.endsWith(` ${path}`) ? (/^(\w+)-(\w+) /.exec(line) ?? []) : [];
      if (from === undefined) continue;
      const first = BigInt(`0x${from}`) / PAGE;
      const entries = Buffer.alloc(Number(BigInt(`0x${to}`) / PAGE - first) * 8);
      readSync(pagemap, entries, 0, entries.length, Number(first) * 8);
      for (let at = 0; at < entries.length; at += 8) {
        const entry = entries.readBigUInt64LE(at);
        // Bit 63: it is mapped. Bits 0 to 54: where.
        if (entry >> 63n) frames.push(entry & (2n ** 55n - 1n));
      }
    }
  } finally {
    closeSync(pagemap);
  }
  const ranges: [bigint, bigint][] = [];
  for (const frame of [...new Set(frames)].sort((a, b) => (a < b ? -1 : 1))) {
    const last = ranges.at(-1);
    if (last?.[1] === frame * PAGE) last[1] += PAGE;
    else ranges.push([frame * PAGE, (frame + 1n) * PAGE]);
  }
  return ranges;
}

function write(name: string, value: string | number | bigint): void {
  writeFileSync(join(ADMIN, name), String(value));
}
