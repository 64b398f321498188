import { setTimeout } from 'node:timers/promises';
import { NofaultError } from '../errors';
import type { FileResidency, FollowOptions, Paths, Round } from './contract';
import { Counting } from './counting';
import { MOST_CELLS } from './inspect';
import { checkNumber, checkPaths, checkTreeOptions } from './paths';
import { Sums } from './totals';
import { Walk } from './walk';

/** How long files that have been found are taken for all that there are, in ms. */
const WALK_AGAIN = 10_000;

/**
 * Looks at the same files again and again: yields a round at once, and another one each `interval`, or less often when rounds cost more of a processor than `share`. Only
 * cachestat is asked where it counts truly, once a cell. Ends when the iteration is left, or rejects with the signal's reason.
 *
 * Throws `INVALID_ARGUMENT` for wrong arguments, and rejects with `LIMIT` where there are more files than `mostFiles`.
 */
export function follow(paths: Paths, options: FollowOptions = {}): AsyncIterable<Round> {
  checkTreeOptions(options);
  const { cells = 256, interval = 1000, share = 0.03, mostFiles = 10_000 } = options;
  checkNumber(cells, 'options.cells', 1, MOST_CELLS);
  checkNumber(interval, 'options.interval', 10, 2 ** 31 - 1, 'any');
  checkNumber(share, 'options.share', 0.001, 1, 'any');
  checkNumber(mostFiles, 'options.mostFiles', 1, 1_000_000);
  const counting = new Counting({ map: false, cells });
  const given = checkPaths(paths).map(({ bytes }) => bytes);
  const walk = (): Walk => new Walk(given, options, counting);
  // Globs are checked now.
  walk();
  return { [Symbol.asyncIterator]: () => rounds(walk, counting, { ...options, interval, share, mostFiles }) };
}

interface Pacing {
  readonly interval: number;
  readonly share: number;
  readonly mostFiles: number;
  readonly signal?: AbortSignal;
}

async function* rounds(walk: () => Walk, counting: Counting, pacing: Pacing): AsyncGenerator<Round, void, undefined> {
  const { interval, share, mostFiles, signal } = pacing;
  let walked = Number.NEGATIVE_INFINITY;
  let files: readonly FileResidency[] = [];
  for (;;) {
    const start = performance.now();
    const before = process.cpuUsage();
    const again = start - walked >= WALK_AGAIN;
    if (again) walked = start;
    files = again ? await filesOf(walk(), mostFiles) : await sameFiles(files, counting, signal);
    const totals = new Sums();
    for (const file of files) totals.add(file);
    yield { time: Date.now(), files, totals };
    const { user, system } = process.cpuUsage(before);
    // Of all that the process did meanwhile: what was done with the round may have cost more than the looking.
    const pause = Math.max(interval, (user + system) / 1000 / share) - (performance.now() - start);
    await setTimeout(Math.max(0, pause), undefined, { ...(signal && { signal }) }).catch(() => {});
    signal?.throwIfAborted();
  }
}

/** Each file once. */
async function filesOf(walk: Walk, most: number): Promise<FileResidency[]> {
  const files: FileResidency[] = [];
  for await (const some of walk) {
    for (const file of some) if (!file.again) files.push(file);
    if (files.length > most) {
      throw new NofaultError('LIMIT', `there are more than ${most} files to follow: give fewer, or leave some out`);
    }
  }
  return files;
}

/** The same files as they are now, without a walk. What could not be looked at is not tried again. */
async function sameFiles(known: readonly FileResidency[], counting: Counting, signal: AbortSignal | undefined): Promise<FileResidency[]> {
  const paths = known.filter(({ error }) => error === undefined).map(({ path }) => path);
  const found: FileResidency[] = [];
  for await (const some of new Walk(paths, { recursive: false, ...(signal && { signal }) }, counting)) found.push(...some);
  let next = 0;
  return known.map((file) => (file.error === undefined ? (found[next++] as FileResidency) : file));
}
