import type { FileRow } from '../events.js';
import { formatBytes, formatShare } from './format.js';
import { ALL, NONE } from './levels.js';

/** Stretches of a map that are told in words, at most. */
const MOST_STRETCHES = 4;

/** What a row says of its file. */
export interface Words {
  readonly resident: string;
  readonly share: string;
}

export function wordsOf({ size, resident, unknown }: FileRow): Words {
  if (unknown === 0) return { resident: formatBytes(resident), share: formatShare(resident, size) };
  if (unknown === size) return { resident: 'unknown', share: '?' };
  return { resident: `>${formatBytes(resident)}`, share: `>${formatShare(resident, size)}` };
}

/** The map in words, for who cannot see it. */
export function describeMap(row: FileRow, levels: Uint8Array | undefined): string {
  const { size, resident } = row;
  if (row.error !== undefined) return 'No map: nothing is known of this file.';
  if (size === 0) return 'No map: the file is empty.';
  if (row.unknown > 0 || levels?.length === 0) return 'Map: the kernel does not tell what of this file is in memory.';
  if (levels === undefined) return 'Map: not here yet.';
  if (resident === 0) return 'Map: nothing is in memory.';
  if (resident === size) return 'Map: all is in memory.';
  const stretches = stretchesOf(levels, size);
  const told = stretches.slice(0, MOST_STRETCHES).join(', ');
  const more = stretches.length > MOST_STRETCHES ? `, and ${stretches.length - MOST_STRETCHES} more stretches` : '';
  return `Map: ${formatShare(resident, size)} in memory: ${told}${more}.`;
}

function stretchesOf(levels: Uint8Array, size: number): string[] {
  const stretches: string[] = [];
  const at = (cell: number): string => formatBytes(Math.min(size, Math.round((cell * size) / levels.length)));
  const kind = (level: number | undefined): string => (level === NONE ? 'none' : level === ALL ? 'all' : 'some');
  for (let from = 0, to = 0; from < levels.length; from = to) {
    while (to < levels.length && kind(levels[to]) === kind(levels[from])) to += 1;
    if (levels[from] !== NONE) stretches.push(`${kind(levels[from])} from ${at(from)} to ${at(to)}`);
  }
  return stretches;
}
