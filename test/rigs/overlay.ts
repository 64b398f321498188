import type { Scratch } from './scratch';
import { tool } from './system';

/** An overlay file system in a rig's folder: what lies in `lower` is seen in `merged`. It is undone with the rig. Needs the right to mount. */
export async function mountOverlay(rig: Scratch): Promise<{ readonly lower: string; readonly merged: string }> {
  const [lower, upper, work, merged] = [rig.make('lower'), rig.make('upper'), rig.make('work'), rig.make('merged')];
  await tool('mount', ['-t', 'overlay', '-o', `lowerdir=${lower},upperdir=${upper},workdir=${work}`, 'overlay', merged]);
  return { lower, merged };
}
