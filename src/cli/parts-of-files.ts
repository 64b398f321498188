import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import type { ByteRange } from '../file/contract';
import type { FileName, FileParts } from '../inspect/contract';
import { parseRange } from './amounts';
import { nameFromBytes, pathOf } from './file-names';
import { parseRun } from './runs-file';

export interface PartFlags {
  readonly range?: readonly ByteRange[];
  readonly runs?: string;
}

/** The options of commands that work on parts of files too. */
export function declarePartOptions(command: Command): Command {
  return command
    .option('--range <a-b>', 'of each file only from byte A up to B, such as 0-16M, or A- to its end; can be repeated', parseRange)
    .option('--runs <file>', 'the runs that this file names, as "inspect --runs" prints them; - for standard input');
}

/** The paths as they were given, and what a runs file names. Without either, and for a runs file that cannot be read or is none, it is wrong usage. */
export async function partsOf(command: Command, names: readonly string[], { runs }: PartFlags): Promise<(FileName | FileParts)[]> {
  if (names.length === 0 && runs === undefined) command.error('error: a path is missing, or --runs');
  const paths = names.map(pathOf);
  if (runs === undefined) return paths;
  const parts = await readRuns(runs).catch((error: Error) => command.error(`error: ${error.message}`));
  return [...paths, ...parts];
}

/** Runs of the same file are gathered, so that it is opened once. */
async function readRuns(name: string): Promise<FileParts[]> {
  const input = name === '-' ? process.stdin : createReadStream(pathOf(name));
  const byName = new Map<string, ByteRange[]>();
  let number = 0;
  // A line is read as bytes, for a name in it need not be UTF-8.
  input.setEncoding('latin1');
  const failed = new Promise<never>((_, reject) => input.once('error', reject));
  failed.catch(() => {});
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const read = (async () => {
    for await (const line of lines) {
      number += 1;
      const run = runOn(nameFromBytes(Buffer.from(line, 'latin1')), name, number);
      if (run === undefined) continue;
      const ranges = byName.get(run.name);
      if (ranges === undefined) byName.set(run.name, [run.range]);
      else ranges.push(run.range);
    }
  })();
  await Promise.race([read, failed]);
  return [...byName].map(([path, ranges]) => ({ path: pathOf(path), ranges }));
}

function runOn(line: string, name: string, number: number): ReturnType<typeof parseRun> {
  try {
    return parseRun(line);
  } catch (error) {
    throw new Error(`${name}, line ${number}: ${(error as Error).message}`);
  }
}
