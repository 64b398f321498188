import { type MappedFile, open } from 'nofault';
import { baseline } from './baseline';
import type { Figure, Surroundings } from './contract';
import { Scan } from './scan';
import { quantile, Random } from './statistics';
import type { TestFile } from './test-file';

const MIB = 2 ** 20;
const ROUNDS = 4;
const MISSES_A_ROUND = 250;
/** Before misses are timed, the scan has to be at full depth. */
const SCAN_LEAD_MS = 100;

/**
 * How long one interactive miss takes while everything else in the file is scanned, and without that. The scan takes the first half of the cold file
 * from start to end; the misses are random pages of the second half, which nothing else reads.
 */
export async function scanFigures(surroundings: Surroundings, file: TestFile): Promise<Figure[]> {
  const random = new Random(5);
  const alone: number[] = [];
  const beside: number[] = [];
  let scanned = 0;
  let scanSeconds = 0;
  const half = file.pageCount >> 1;
  surroundings.narrate(
    `${ROUNDS} rounds of ${MISSES_A_ROUND} interactive misses alone and ${MISSES_A_ROUND} beside a scan of ${(half * baseline.pageSize) / MIB} MiB`,
  );
  for (let round = 0; round < ROUNDS; round++) {
    const targets = random.pages(4 * MISSES_A_ROUND, half, file.pageCount);
    await file.evict();
    const mapped = await open(file.path);
    try {
      alone.push(...(await misses(mapped, targets.subarray(0, MISSES_A_ROUND), () => false)));
      const scan = new Scan(mapped, half);
      await scan.lead(SCAN_LEAD_MS);
      beside.push(...(await misses(mapped, targets.subarray(MISSES_A_ROUND, 2 * MISSES_A_ROUND), () => scan.ended)));
      scanned += scan.bytes;
      scanSeconds += scan.seconds();
      await scan.stop();
    } finally {
      await mapped.close();
    }
  }
  const enough = 2 * MISSES_A_ROUND;
  if (beside.length < enough || alone.length < enough) {
    throw new Error(
      `expected at least ${enough} misses alone and beside the scan, but ${alone.length} and ${beside.length} were had: the scan ended too soon`,
    );
  }
  const p99Alone = quantile(alone, 0.99);
  const p99Beside = quantile(beside, 0.99);
  return [
    {
      key: 'missP99Ratio',
      value: p99Beside / p99Alone,
      what: `p99 of an interactive miss beside a scan (${beside.length}) / alone (${alone.length})`,
      target: { atMost: 3 },
    },
    { key: 'missAloneP99_ms', value: p99Alone, what: 'p99 of an interactive miss alone, ms' },
    { key: 'missBesideScanP99_ms', value: p99Beside, what: 'p99 of an interactive miss beside a scan, ms' },
    { key: 'missAloneP50_ms', value: quantile(alone, 0.5), what: 'p50 of an interactive miss alone, ms' },
    { key: 'missBesideScanP50_ms', value: quantile(beside, 0.5), what: 'p50 of an interactive miss beside a scan, ms' },
    { key: 'scan_MiB_per_s', value: scanned / MIB / scanSeconds, what: 'what the scan got meanwhile, MiB/s' },
  ];
}

/** Milliseconds that each page took to arrive, asked for one after the other, until `over` says so. */
async function misses(mapped: MappedFile, pages: Uint32Array, over: () => boolean): Promise<number[]> {
  const taken: number[] = [];
  for (const page of pages) {
    const start = performance.now();
    const set = mapped.getPages([page]);
    await set.arrived;
    const elapsed = performance.now() - start;
    if (over()) break;
    // Read ahead by an earlier miss nearby: no miss.
    if (set.misses === 1) taken.push(elapsed);
  }
  return taken;
}
