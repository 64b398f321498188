import type { FileResidency } from '../../inspect/contract';
import { failureOf } from '../failures';
import { printableJson } from '../file-names';
import type { Output } from '../output';
import { nameOf } from '../tree-options';
import { ordered, type View, type ViewOptions } from './view';

/** One object a round and line. The format is documented in docs/cli.md and stable. */
export function jsonRounds(output: Output, options: ViewOptions): View {
  return {
    columns: () => 1,
    async show(round) {
      const { files, failed, size, residentBytes, unknownBytes } = round.totals;
      const totals = { files, failed, size, residentBytes, unknownBytes };
      const object = { time: new Date(round.time).toISOString(), totals, files: ordered(round, options.sort).map(objectOf) };
      await output.write(`${printableJson(JSON.stringify(object))}\n`);
    },
    end() {},
  };
}

function objectOf({ path, error, size, residentBytes, unknownBytes }: FileResidency): object {
  const name = nameOf(path);
  return error === undefined ? { path: name, size, residentBytes, unknownBytes } : { path: name, error: failureOf(error, name) };
}
