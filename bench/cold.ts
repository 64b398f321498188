import { contestFigures } from './cold-contest';
import { loopFigures } from './cold-loop';
import { scanFigures } from './cold-scan';
import type { Bench } from './contract';

const MEBIBYTES = 4096;
const QUICK_MEBIBYTES = 2048;

export const cold: Bench = {
  name: 'cold',
  what: 'reads of pages that are on disk only: one getPages beside faults, fs.read and fio; what it costs the event loop; misses beside a scan',
  async run(surroundings) {
    const file = surroundings.files.ofMebibytes(surroundings.quick ? QUICK_MEBIBYTES : MEBIBYTES);
    return [
      ...(await contestFigures(surroundings, file)),
      ...(await loopFigures(surroundings, file)),
      ...(await scanFigures(surroundings, file)),
    ];
  },
};
