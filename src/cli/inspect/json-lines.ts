import type { ResidencyMap } from '../../file/contract';
import { failureOf } from '../failures';
import { printableJson } from '../file-names';
import type { Output } from '../output';
import type { Report } from './report';

/** Runs of a map that are written at once: a file of a million runs is never one string. */
const RUNS_PER_WRITE = 4096;

/** One object a line, each as soon as it is known. The format is documented in docs/cli.md and stable. */
export function jsonLines(output: Output, options: { readonly total?: true }): Report {
  return {
    async file(name, { size, allocatedBytes, pageSize, residentBytes, unknownBytes, kernel, again, map }) {
      if (options.total) return;
      const head = json({ path: name, size, allocatedBytes, pageSize, residentBytes, unknownBytes, ...(kernel && { kernel }), again });
      if (map === undefined) await output.write(`${head}\n`);
      else await writeRuns(output, head, map);
    },
    async failure(name, error) {
      if (!options.total) await output.write(`${json({ path: name, error: failureOf(error, name) })}\n`);
    },
    async end({ files, failed, size, residentBytes, unknownBytes, kernel }) {
      if (options.total) await output.write(`${json({ files, failed, size, residentBytes, unknownBytes, kernel })}\n`);
    },
  };
}

async function writeRuns(output: Output, head: string, map: ResidencyMap): Promise<void> {
  let text = `${head.slice(0, -1)},"runs":[`;
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
}

function json(value: unknown): string {
  return printableJson(JSON.stringify(value));
}
