import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { projectRoot } from './baseline';
import type { Bench, Figure, Surroundings } from './contract';
import { figure } from './rounds';

const TABLE = join(projectRoot(), 'node_modules', 'vega-datasets', 'data', 'flights-3m.parquet');
const CLI = join(projectRoot(), 'dist', 'cli', 'main.js');
const ROUNDS = 5;
const QUICK_ROUNDS = 3;
/** Milliseconds between two looks at a process's memory. */
const LOOK = 5;
const MIB = 2 ** 20;

/** One build, as a process of its own. */
interface Build {
  readonly rows: number;
  readonly bytes: number;
  /** From the start of the process to its end. */
  readonly seconds: number;
  /** Most anonymous memory that the process had, in MiB. */
  readonly peakMiB: number;
}

export const bitmapBuild: Bench = {
  name: 'bitmap-build',
  what: 'building a bitmap index: rows a second and peak memory, of three million flights with all their columns',
  lacks() {
    return existsSync(TABLE) ? undefined : `lacks ${TABLE}, which npm install brings as a part of vega-datasets`;
  },
  run: buildFigures,
};

/** Each build is what a user runs: `nofault index`, from the start of its process until that has ended, so that loading the program and flushing the index count. */
async function buildFigures({ quick, files, narrate }: Surroundings): Promise<Figure[]> {
  const folder = mkdtempSync(join(files.folder, 'nofault-bench-build-'));
  const out = join(folder, 'flights.idx');
  const builds: Build[] = [];
  const scans: number[] = [];
  try {
    // The first one reads the program from the disk, and is not counted.
    await buildOnce(TABLE, out);
    for (let round = 0; round < (quick ? QUICK_ROUNDS : ROUNDS); round++) {
      scans.push(await decodeOnce(TABLE));
      const build = await buildOnce(TABLE, out);
      if (build.rows !== (builds[0]?.rows ?? build.rows) || build.bytes !== (builds[0]?.bytes ?? build.bytes))
        throw new Error(
          `two builds of ${TABLE} differ: ${build.rows} rows in ${build.bytes} bytes, and before ${JSON.stringify(builds[0])}`,
        );
      builds.push(build);
      narrate(`built ${build.rows} rows in ${build.seconds.toFixed(2)} s, with ${build.peakMiB.toFixed(0)} MiB at most`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const { rows, bytes } = builds[0] as Build;
  return [
    figure(
      'rowsPerSecond',
      builds.map(({ seconds }) => rows / seconds),
      `${rows} flights, five columns, from the start of the process to its end`,
      { atLeast: 300_000 },
    ),
    figure(
      'buildPeakMiB',
      builds.map(({ peakMiB }) => peakMiB),
      `anonymous memory of the whole process, looked at every ${LOOK} ms`,
      { atMost: 512 },
    ),
    figure(
      'build_over_decode',
      builds.map(({ seconds }, round) => seconds / (scans[round] as number)),
      'its time over that of a process which does nothing but decode the columns (hyparquet)',
    ),
    {
      key: 'indexBytesPerRow',
      value: bytes / rows,
      what: `bytes of index a row; the compressed table has ${(statSync(TABLE).size / rows).toFixed(1)}`,
    },
  ];
}

async function buildOnce(table: string, out: string): Promise<Build> {
  const { seconds, peakMiB, stdout } = await runProcess([CLI, 'index', table, '--out', out, '--json']);
  const { rows, bytes } = JSON.parse(stdout) as { rows: number; bytes: number };
  return { rows, bytes, seconds, peakMiB };
}

/** Seconds that decoding all columns takes by itself, in a process of its own. */
async function decodeOnce(table: string): Promise<number> {
  const { seconds } = await runProcess([__filename, table]);
  return seconds;
}

async function runProcess(args: readonly string[]): Promise<{ seconds: number; peakMiB: number; stdout: string }> {
  const start = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  let seconds: number | undefined;
  const ended = once(child, 'close').then(([code]) => {
    seconds = (performance.now() - start) / 1000;
    return code as number | null;
  });
  let peak = 0;
  while (seconds === undefined) {
    peak = Math.max(peak, anonymousBytes(child.pid as number));
    await Promise.race([pause(LOOK), ended]);
  }
  const code = await ended;
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with ${code}`);
  return { seconds, peakMiB: peak / MIB, stdout };
}

/** What a process has of memory that no file holds, all its threads together; 0 when it has gone. */
function anonymousBytes(pid: number): number {
  try {
    return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** What `build_over_decode` divides by. */
async function decode(table: string): Promise<void> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetScan } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const file = await asyncBufferFromFile(table);
  const metadata = await parquetMetadataAsync(file);
  const names = metadata.row_groups[0]?.columns.map(({ meta_data }) => meta_data?.path_in_schema[0] as string) ?? [];
  const scan = await parquetScan({ file, metadata, columns: names, compressors });
  // Column by column and group by group, as it keeps the last of each that it has decoded.
  for (const column of names) {
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      await scan.readColumn({ column, rowStart, rowEnd });
      rowStart = rowEnd;
    }
  }
}

if (require.main === module) void decode(process.argv[2] as string);
