import type { Bench } from './contract';
import { residencyFigures } from './inspect-residency';
import { treeFigures } from './inspect-tree';
import { warmFigures } from './inspect-warm';
import { watchFigures } from './inspect-watch';
import { VMTOUCH_INSTALLATION, vmtouchIsThere } from './vmtouch';

export const inspect: Bench = {
  name: 'inspect',
  what: 'the inspector: maps and counts beside mincore and vmtouch, warm beside vmtouch -t, what starting and watching cost',
  async run(surroundings) {
    if (!vmtouchIsThere()) surroundings.narrate(`vmtouch is not installed, so it is not compared with: ${VMTOUCH_INSTALLATION}`);
    return [
      ...(await residencyFigures(surroundings)),
      ...(await warmFigures(surroundings)),
      ...(await treeFigures(surroundings)),
      ...(await watchFigures(surroundings)),
    ];
  },
};
