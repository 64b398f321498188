import type { MappedFile } from '../file/mapped-file';
import { Room } from './room';

/** Bytes of one step: the first of a scan, which waits for nobody, and the others. */
export const FIRST_STEP = 2 ** 19;
export const STEP = 4 * 2 ** 20;
/** Of a scan all of whose bytes are in memory. */
export const LARGEST_STEP = 8 * 2 ** 20;

/** Steps of one scan that are under way at once: so that the device never waits for us. */
export const STEPS = 4;

/** Of all scans of a file and of one priority, besides their first ones: 32 MiB, enough for any device, and few enough to be read before they leave again. */
const PLACES = 8;

const flights = new WeakMap<MappedFile, { readonly interactive: Room; readonly scan: Room }>();

/** What all scans of one priority share that begin with a bitmap of this file: a device that hangs keeps nobody else waiting. */
export function flightOf(file: MappedFile, priority: 'interactive' | 'scan'): Room {
  let both = flights.get(file);
  if (both === undefined) {
    both = { interactive: new Room(PLACES), scan: new Room(PLACES) };
    flights.set(file, both);
  }
  return both[priority];
}
