import type * as events from '../events.js';

/** The levels that mean exactly none and exactly all, as the server sends them. */
export const NONE: typeof events.NONE = 0;
export const ALL: typeof events.ALL = 255;

/** The levels after a change to those before; empty where nothing is known. Undefined for a change to a map that is not here. */
export function applyChange(before: Uint8Array | undefined, { cells, parts }: events.MapChange): Uint8Array | undefined {
  const levels = cells === undefined ? before?.slice() : new Uint8Array(cells);
  if (levels === undefined) return undefined;
  for (const [first, text] of parts) levels.set(bytesOf(text), first);
  return levels;
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
