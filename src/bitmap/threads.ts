import { availableParallelism } from 'node:os';
import { Room } from './room';

/** For steps that are combined on threads at once, of all scans of this environment: more than processors would only take turns. */
const room = new Room(Math.max(1, availableParallelism()));

/** Runs what works on a thread as soon as there is room. */
export async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (!room.now()) await room.later();
  try {
    return await work();
  } finally {
    room.giveBack();
  }
}
