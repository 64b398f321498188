import type { ResidencyRun } from '../../file/contract';
import type { Output } from '../output';
import { formatRun } from '../runs-file';
import type { Report } from './report';

const RUNS_PER_WRITE = 4096;

/** Each run of this state on a line, in the form that `warm --runs` and `evict --runs` read. */
export function runsOf(output: Output, state: ResidencyRun['state']): Report {
  return {
    async file(name, { map, again }) {
      if (again) return;
      let text = '';
      let count = 0;
      for (const run of map?.runs ?? []) {
        if (run.state !== state) continue;
        text += formatRun(run, name);
        count += 1;
        if (count % RUNS_PER_WRITE !== 0) continue;
        await output.write(text);
        text = '';
      }
      await output.write(text);
    },
    async failure() {},
    async end() {},
  };
}
