import { MOST_CELLS, MOST_IN_VIEW, type Zoom } from './events';

/** What a browser looks at, as it says in `/view?stream=KEY&files=3,1,4&zoom=ID:OFFSET:CELL:COUNT`. */
export interface View {
  readonly stream: string;
  readonly files: readonly number[];
  readonly zoom: Zoom | undefined;
}

/** Undefined where it is not well formed, or asks for more than may be asked for. */
export function viewOf(query: URLSearchParams): View | undefined {
  const stream = query.get('stream');
  const files = numbersOf(query.get('files') ?? '', ',');
  if (stream === null || files === undefined || files.length > MOST_IN_VIEW) return undefined;
  const zoom = query.get('zoom');
  if (zoom === null) return { stream, files, zoom: undefined };
  const [id, offset, cell, count, ...more] = numbersOf(zoom, ':') ?? [];
  if (id === undefined || offset === undefined || !cell || !count || more.length > 0) return undefined;
  if (count > MOST_CELLS || !Number.isSafeInteger(offset + cell * count)) return undefined;
  return { stream, files, zoom: { id, offset, cell, count } };
}

function numbersOf(list: string, separator: string): number[] | undefined {
  if (list === '') return [];
  const words = list.split(separator, MOST_IN_VIEW + 1);
  const numbers = words.map(Number);
  return words.every((word) => /^\d{1,16}$/.test(word)) && numbers.every(Number.isSafeInteger) ? numbers : undefined;
}
