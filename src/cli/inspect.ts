import type { Command } from 'commander';
import type { MappedFile, ResidencyMap } from '../index';
import { EXIT } from './command';
import { failureOf, messageOf } from './failures';
import { pathOf, printable, printableJson } from './file-names';
import { formatBytes, formatShare } from './format-bytes';
import { cellsOf, drawMap, mapLegend } from './map-line';
import type { Output } from './output';
import { paint } from './terminal';

interface InspectOptions {
  readonly json?: true;
  readonly ascii?: true;
}

/** How a kind of answer is written: the table for people, or JSON lines for programs. */
interface Report {
  file(name: string, map: ResidencyMap): Promise<void>;
  failure(name: string, error: unknown): Promise<void>;
  end(): Promise<void>;
}

/** Runs of a map that are written at once: a file of a million runs is never one string. */
const RUNS_PER_WRITE = 4096;

const EXAMPLES = `
Examples:
  nofault inspect /var/lib/db/*.idx
  nofault inspect --json big.file | jq .residentBytes

Exit codes: 0 every file was inspected, 1 some could not be, 2 wrong usage`;

export function declare(command: Command, output: Output): void {
  command
    .description(
      'Shows for each file how many bytes of it are in memory (in the page cache), their share, and a map of the file from its start to its end. Looking reads nothing in.',
    )
    .argument('<file...>', 'the files to look at')
    .option('--json', 'print one JSON object a file and line instead; positions are bytes')
    .option('--ascii', 'draw maps in plain ASCII; so they are anyway where the locale is not UTF-8')
    .addHelpText('after', EXAMPLES)
    .action(async (names: string[], options: InspectOptions) => {
      process.exitCode = (await inspect(names, options, output)) ? EXIT.ok : EXIT.failed;
    });
}

/** Returns whether every file could be inspected. Those that could not are told on the way and do not end it. */
async function inspect(names: readonly string[], options: InspectOptions, output: Output): Promise<boolean> {
  const report = options.json ? jsonLines(output) : table(output, options.ascii === true);
  let allFine = true;
  for (const name of names) {
    let map: ResidencyMap;
    try {
      map = await residencyOf(name);
    } catch (error) {
      allFine = false;
      output.complain(messageOf(error, name));
      await report.failure(name, error);
      continue;
    }
    await report.file(name, map);
  }
  await report.end();
  return allFine;
}

async function residencyOf(name: string): Promise<ResidencyMap> {
  const { open } = require('../index') as typeof import('../index');
  const file: MappedFile = await open(pathOf(name));
  try {
    return await file.residency();
  } finally {
    await file.close();
  }
}

/** Two lines a file: figures in columns with the name behind them, whatever its length; below them the map. */
function table(output: Output, ascii: boolean): Report {
  const terminal = ascii ? { ...output.data, unicode: false } : output.data;
  const sum = { files: 0, size: 0, resident: 0, unknown: 0 };

  const figures = (resident: string, size: string, share: string, rest: string): string =>
    `${resident.padStart(10)}  ${size.padStart(10)}  ${share.padStart(7)}  ${rest}\n`;
  const residency = (resident: number, unknown: number, size: number, rest: string): string => {
    if (unknown === 0) return figures(formatBytes(resident), formatBytes(size), formatShare(resident, size), rest);
    if (unknown === size) return figures('unknown', formatBytes(size), '?', rest);
    return figures(
      `>${formatBytes(resident)}`,
      formatBytes(size),
      `>${formatShare(resident, size)}`,
      `${rest} (${formatBytes(unknown)} unknown)`,
    );
  };
  const heading = (): string => `${paint(terminal, 'faint', figures('resident', 'size', 'share', 'file').trimEnd())}\n`;

  return {
    async file(name, map) {
      if (sum.files === 0) {
        // For the person who sees both streams on one screen; a file or a program that takes the data is spared it.
        if (output.data.interactive && output.narration.interactive) output.say(`${mapLegend(terminal)}\n`);
        await output.write(heading());
      }
      sum.files += 1;
      sum.size += map.size;
      sum.resident += map.residentBytes;
      sum.unknown += map.unknownBytes;
      await output.write(residency(map.residentBytes, map.unknownBytes, map.size, paint(terminal, 'strong', printable(name))));
      const drawing = drawMap(cellsOf(map, terminal.columns), terminal);
      if (drawing !== '') await output.write(`${drawing}\n`);
    },
    async failure() {},
    async end() {
      if (sum.files > 1) await output.write(residency(sum.resident, sum.unknown, sum.size, `${sum.files} files together`));
    },
  };
}

/** One object a line, in the order of the arguments, each as soon as it is known. The format is documented in docs/cli.md and stable. */
function jsonLines(output: Output): Report {
  return {
    async file(name, map) {
      const { size, pageSize, residentBytes, unknownBytes } = map;
      const head = json({ path: name, size, pageSize, residentBytes, unknownBytes });
      await output.write(`${head.slice(0, -1)},"runs":[`);
      let text = '';
      let count = 0;
      for (const { offset, length, state } of map.runs) {
        text += `${count === 0 ? '' : ','}{"offset":${offset},"length":${length},"state":"${state}"}`;
        count += 1;
        if (count % RUNS_PER_WRITE === 0) {
          await output.write(text);
          text = '';
        }
      }
      await output.write(`${text}]}\n`);
    },
    async failure(name, error) {
      await output.write(`${json({ path: name, error: failureOf(error, name) })}\n`);
    },
    async end() {},
  };
}

function json(value: unknown): string {
  return printableJson(JSON.stringify(value));
}
