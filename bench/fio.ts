import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** How to get fio, for the help and for whoever runs without it. */
export const FIO_INSTALLATION = 'apt-get install fio';

/** The version of the installed fio, or undefined where there is none. */
export async function fioVersion(): Promise<string | undefined> {
  try {
    return (await execute('fio', ['--version'])).stdout.trim();
  } catch {
    return undefined;
  }
}

interface FioReport {
  readonly jobs: readonly [
    { readonly error: number; readonly read: { readonly total_ios: number; readonly io_bytes: number; readonly runtime: number } },
  ];
}

/**
 * Microseconds a page for `pages` random reads through the page cache with io_uring, 128 in flight. The file must be cold already: fio is told not to
 * evict it once more, since what it does is not verified. Its clock starts with the first read; starting the program costs it nothing here. Distinct
 * pages only, and POSIX_FADV_RANDOM, both of which it does unasked: it reads exactly what it is asked for.
 */
export async function fioMicrosecondsAPage(path: string, pages: number, pageSize: number, seed: number): Promise<number> {
  const { stdout } = await execute('fio', [
    '--name=cold',
    `--filename=${path.replaceAll(':', '\\:')}`,
    '--readonly',
    '--rw=randread',
    '--ioengine=io_uring',
    '--direct=0',
    '--iodepth=128',
    `--bs=${pageSize}`,
    `--number_ios=${pages}`,
    '--invalidate=0',
    '--randrepeat=0',
    `--randseed=${seed}`,
    '--thread',
    '--gtod_reduce=1',
    '--output-format=json',
  ]);
  // Some versions print notes before the JSON.
  const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as FioReport;
  const { error, read } = report.jobs[0];
  if (error !== 0 || read.total_ios !== pages)
    throw new Error(`expected fio to read ${pages} pages, but it read ${read.total_ios} (error ${error})`);
  // Whole milliseconds, rounded up: half of one is taken off again.
  return ((read.runtime - 0.5) * 1000) / pages;
}
