import { getSystemErrorName } from 'node:util';
import { NofaultError } from '../errors';
import { addon } from '../native';

/** The errors that asking for the pages of a file, by its path, can end with. What touches of views have met is in `faults`. */
export function closedError(path: string): NofaultError {
  return new NofaultError('CLOSED', `${path} has been closed`, { path });
}

/** No window can be had. */
export function windowError(path: string): NofaultError {
  const { maxWindows } = addon();
  const message = `the process has ${maxWindows} windows mapped, half of vm.max_map_count, and views of them are held: let go of some`;
  return new NofaultError('LIMIT', message, { path });
}

/** The fetcher could not bring in what lies at `offset`: the file ends before, or reading failed with `errno`. */
export function readError(path: string, errno: number, offset: number, truncated: boolean): NofaultError {
  const place = { path, offset, syscall: 'read' };
  if (truncated)
    return new NofaultError('TRUNCATED', `${path} ends before byte ${offset}: it has become shorter since it was opened`, place);
  const name = getSystemErrorName(-errno);
  return new NofaultError('IO', `reading ${path} at byte ${offset} failed: ${name}`, { ...place, errno });
}

/** An entry that starts at `offset` is not in memory; `came` tells whether it was. */
export function notResident(entry: number, offset: number, path: string, came: boolean): NofaultError {
  const why = came ? 'has left memory again: ask for it anew' : 'has not arrived yet';
  return new NofaultError('NOT_RESIDENT', `entry ${entry} (byte ${offset} of ${path}) ${why}`, { path, offset });
}
