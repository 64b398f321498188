import { coldBitmapFigures } from './bitmap-cold';
import { hotBitmapFigures } from './bitmap-hot';
import type { Bench } from './contract';

export const bitmap: Bench = {
  name: 'bitmap',
  what: 'queries of bitmap indexes: in memory beside the library roaring, on disk beside a plain mapping, and hot requests beside cold scans',
  async run(surroundings) {
    return [...(await hotBitmapFigures(surroundings)), ...(await coldBitmapFigures(surroundings))];
  },
};
