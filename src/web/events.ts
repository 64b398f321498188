/*
 * What the server tells the page: server-sent events (HTML standard, section 9.2), each with a name and one JSON object. docs/serve.md describes them for people.
 * The page imports these types and nothing else from here.
 */

/** The events by name. */
export interface Events {
  /** Everything but maps. The first event, and again whenever files came or went. */
  readonly state: State;
  /** One more look at all files: figures that are different from those told before. */
  readonly round: RoundChanges;
  /** Maps of files in view, as far as they are different from those told before. */
  readonly maps: Maps;
  /** A close look at a part of a file: what is different from the one before. */
  readonly zoom: Zoomed;
  /** Looking has ended with this error; nothing comes until the page connects again. */
  readonly failed: Failed;
}

export interface State {
  /** Differs between runs of the server: numbers of files mean nothing beyond one run. */
  readonly run: string;
  /** Names this stream in requests to `/view`. */
  readonly stream: string;
  /** The least time between two looks, in ms. */
  readonly interval: number;
  /** When the last look was, in ms since the epoch. */
  readonly time: number;
  readonly totals: TotalFigures;
  /** Looks of the past, the oldest first: when, and how many bytes of all files were resident. null: nobody watched from then on, until the next. */
  readonly history: readonly (readonly [time: number, resident: number | null])[];
  readonly files: readonly FileRow[];
}

/** Sums over all files, each counted once. Bytes, where nothing else is said. */
export interface TotalFigures {
  /** How many files were counted, and how many could not be. */
  readonly files: number;
  readonly failed: number;
  readonly size: number;
  readonly resident: number;
  readonly unknown: number;
}

/** The figures of one file, in bytes. */
export interface FileFigures {
  readonly id: number;
  readonly size: number;
  readonly resident: number;
  /** Bytes that the kernel does not tell about. */
  readonly unknown: number;
  /** Why nothing is known, in one line. */
  readonly error?: string;
}

export interface FileRow extends FileFigures {
  /** Bytes in a page of this machine. */
  readonly pageSize: number;
  /** As it is shown: what could not be seen, or would reorder the line, is escaped. */
  readonly name: string;
}

export interface RoundChanges {
  readonly time: number;
  readonly totals: TotalFigures;
  /** Figures that changed since this stream was told of them. */
  readonly changed: readonly FileFigures[];
}

export interface Maps {
  readonly maps: readonly MapChange[];
}

/** How a map differs from the one that this stream was told of before. */
export interface MapChange {
  readonly id: number;
  /** A new map of so many cells, of which nothing is resident but what `parts` say. 0: it is not known what is. Absent: the map before, but for `parts`. */
  readonly cells?: number;
  readonly parts: readonly Part[];
}

/** Cells from the one with this number on: their levels, a byte each, as base64. */
export type Part = readonly [first: number, levels: string];

/** The level of a cell of which nothing is resident, and of one of which all is. Between them lie shares: 1 to 254 mean neither none nor all. */
export const NONE = 0;
export const ALL = 255;

/** Which part of which file is looked at closely: `count` cells of `cell` bytes (whole pages) from byte `offset` on. */
export interface Zoom {
  readonly id: number;
  readonly offset: number;
  readonly cell: number;
  readonly count: number;
}

export interface Zoomed extends Zoom {
  readonly time: number;
  /** Bytes of the part that are resident. */
  readonly resident: number;
  /** Absent where nothing is different, or there is an error. */
  readonly map?: MapChange;
  readonly error?: string;
}

export interface Failed {
  readonly message: string;
}

/** The most files in view, and the most cells of a zoom; requests for more are refused. */
export const MOST_IN_VIEW = 200;
export const MOST_CELLS = 16_384;
