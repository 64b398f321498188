import { tmpdir } from 'node:os';
import { Command } from 'commander';
import { bitmap } from './bitmap';
import { bitmapBuild } from './bitmap-build';
import { cold } from './cold';
import type { Bench } from './contract';
import { FIO_INSTALLATION } from './fio';
import { hit } from './hit';
import { inspect } from './inspect';
import { pressure } from './pressure';
import { asJson, asTable, save } from './report';
import { TestFiles } from './test-file';
import { VMTOUCH_INSTALLATION } from './vmtouch';

const BENCHES: readonly Bench[] = [hit, cold, pressure, bitmap, bitmapBuild, inspect];

interface Options {
  readonly json: boolean;
  readonly quick: boolean;
  readonly keep: boolean;
  readonly save: boolean;
}

async function main(): Promise<void> {
  const names = BENCHES.map(({ name }) => name);
  const command = new Command('npm run bench --')
    .description('Measures nofault beside other ways to do the same work. The last line on stdout is one JSON object of figures.')
    .argument('<name>', `${names.join(', ')}, or all`)
    .option('--json', 'print the JSON only', false)
    .option('--quick', 'fewer rounds and smaller files', false)
    .option('--keep', 'leave the test files for the next run', false)
    .option('--save', 'write the figures to bench/results/NAME.json', false)
    .addHelpText('after', help())
    .parse();
  const options = command.opts<Options>();
  const named = BENCHES.filter(({ name }) => name === command.args[0] || command.args[0] === 'all');
  if (named.length === 0) command.error(`error: expected one of ${names.join(', ')} or all, but '${command.args[0]}' came`);

  const narrate = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  const chosen = named.filter((bench) => {
    const lack = bench.lacks?.();
    if (lack !== undefined) narrate(`${bench.name} is not run: it ${lack}`);
    return lack === undefined;
  });
  if (chosen.length === 0) {
    process.exitCode = 1;
    return;
  }
  const files = new TestFiles(process.env.NOFAULT_BENCH_DIR ?? tmpdir(), narrate);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      files.finish(options.keep);
      process.kill(process.pid, signal);
    });
  }
  try {
    const found: Record<string, unknown> = {};
    for (const bench of chosen) {
      narrate(`${bench.name}: ${bench.what}`);
      const figures = await bench.run({ quick: options.quick, files, narrate });
      if (!options.json) process.stdout.write(`${asTable(figures)}\n`);
      if (options.save) narrate(`saved ${save(bench.name, figures, options.quick)}`);
      found[bench.name] = asJson(figures);
    }
    process.stdout.write(`${JSON.stringify(named.length === 1 ? Object.values(found)[0] : found)}\n`);
  } finally {
    files.finish(options.keep);
  }
}

function help(): string {
  return `
Benches:
${BENCHES.map(({ name, what }) => `  ${name.padEnd(14)}${what}`).join('\n')}

The test files (1 GiB for hit, 4 GiB for cold, 2 GiB with --quick, all of these for pressure, 2 GiB for inspect) are written to NOFAULT_BENCH_DIR, or else to ${tmpdir()}: it has to lie on a disk.
cold also compares with fio where it is installed: ${FIO_INSTALLATION}
inspect also compares with vmtouch where it is installed: ${VMTOUCH_INSTALLATION}
docs/benchmarks.md says what each figure means.`;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
