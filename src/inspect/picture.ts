import { cellCount, cellEnd } from './cells';
import type { FileResidency } from './contract';

/** In pixels. */
const WIDTH = 1200;
const MARGIN = 30;
const STRIP = { width: WIDTH - 2 * MARGIN, height: 16, gap: 3 };
const ROW = { text: 20, gap: 14 };
const HEADER = 104;
const FOOTER = 24;

/** From this number of files on, name, map and figures of each stand on one line. */
const MANY = 10;
const LINE = { height: 22, strip: 330, width: 620, characters: 40 };

/** A single file is drawn over so many strips, several files over one each. */
const STRIPS_OF_ONE = 24;
/** Files that are drawn; of the others it is said how many there are. */
const MOST_FILES = 500;
/** Steps of shading. None and all are drawn only where they are exactly true. */
const SHADES = 8;
const UNKNOWN = SHADES + 1;
/** Characters of a name that have room beside the figures. */
const MOST_CHARACTERS = 100;

interface Row {
  readonly name: string;
  readonly figures: string;
  /** A shade for each cell. */
  readonly shades: Uint8Array;
}

/** How bytes and shares are written, which is the caller's taste. */
export interface Wording {
  bytes(bytes: number): string;
  share(part: number, whole: number): string;
}

/**
 * Maps of files as one SVG picture, light or dark as the viewer wishes. Takes about a kilobyte of memory a file, and what a picture has no room for is only counted.
 */
export class Picture {
  readonly #wording: Wording;
  readonly #rows: Row[] = [];
  #first: FileResidency | undefined;
  #files = 0;
  #size = 0;
  #residentBytes = 0;
  #unknownBytes = 0;

  constructor(wording: Wording) {
    this.#wording = wording;
  }

  /** The file must have a map. `name` is shown as it is. */
  add(name: string, file: FileResidency): void {
    if (file.again) return;
    this.#files += 1;
    this.#size += file.size;
    this.#residentBytes += file.residentBytes;
    this.#unknownBytes += file.unknownBytes;
    if (this.#files === 1) this.#first = file;
    else this.#first = undefined;
    if (this.#rows.length < MOST_FILES) this.#rows.push({ name, figures: this.#figures(file), shades: shadesOf(file, STRIP.width) });
  }

  svg(): string {
    const one = this.#first;
    const [row] = this.#rows;
    const strips = one === undefined || row === undefined ? undefined : { ...row, shades: shadesOf(one, STRIP.width * STRIPS_OF_ONE) };
    const many = this.#rows.length >= MANY;
    const each = many ? LINE.height : rowHeight(1);
    const draw = many ? drawLine : drawRow;
    const body = strips === undefined ? this.#rows.map((one, index) => draw(one, HEADER + index * each)) : [drawLong(strips)];
    const rowsHeight = strips === undefined ? this.#rows.length * each : rowHeight(stripsOf(strips.shades));
    const left = this.#files - this.#rows.length;
    const more = left === 0 ? [] : [text(MARGIN, HEADER + rowsHeight + 12, `and ${left} more files`, 'faint')];
    const height = HEADER + rowsHeight + (left === 0 ? 0 : ROW.text) + FOOTER;
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
      `<title>${escaped(this.#summary())}</title>`,
      STYLE,
      `<rect class="ground" width="${WIDTH}" height="${height}"/>`,
      text(MARGIN, 44, 'In memory', 'title'),
      text(MARGIN, 72, this.#summary(), ''),
      LEGEND,
      ...body,
      ...more,
      '</svg>\n',
    ].join('\n');
  }

  #summary(): string {
    const files = this.#files === 1 ? '1 file' : `${this.#files} files`;
    const unknown = this.#unknownBytes === 0 ? '' : `, ${this.#wording.bytes(this.#unknownBytes)} unknown`;
    const { bytes, share } = this.#wording;
    return `${bytes(this.#residentBytes)} of ${bytes(this.#size)} (${share(this.#residentBytes, this.#size)}) in ${files}${unknown}`;
  }

  #figures({ residentBytes, unknownBytes, size }: FileResidency): string {
    const { bytes, share } = this.#wording;
    return unknownBytes > 0 ? `unknown of ${bytes(size)}` : `${bytes(residentBytes)} of ${bytes(size)}, ${share(residentBytes, size)}`;
  }
}

/** The file in at most so many cells, with how much of each is resident. */
function shadesOf({ size, pageSize, map }: FileResidency, most: number): Uint8Array {
  const count = cellCount(most, size, pageSize);
  const resident = new Float64Array(count);
  const shades = new Uint8Array(count);
  let cell = 0;
  for (const { offset, length, state } of map?.runs ?? []) {
    for (let from = offset; from < offset + length && cell < count; ) {
      const end = cellEnd(cell, count, size, pageSize);
      const to = Math.min(offset + length, end);
      if (state === 'resident') resident[cell] = (resident[cell] as number) + to - from;
      if (state === 'unknown') shades[cell] = UNKNOWN;
      from = to;
      if (to === end) cell += 1;
    }
  }
  for (let i = 0; i < count; i++) {
    if (shades[i] === UNKNOWN || resident[i] === 0) continue;
    const bytes = cellEnd(i, count, size, pageSize) - (i === 0 ? 0 : cellEnd(i - 1, count, size, pageSize));
    shades[i] = resident[i] === bytes ? SHADES : Math.min(SHADES - 1, Math.max(1, Math.round(((resident[i] as number) / bytes) * SHADES)));
  }
  return shades;
}

function drawRow({ name, figures, shades }: Row, top: number): string {
  return `${caption(name, figures, top)}\n${drawStrip(shades, MARGIN, top + ROW.text, STRIP.width)}`;
}

function drawLine({ name, figures, shades }: Row, top: number): string {
  const words = `${text(MARGIN, top + 13, shortened(name, LINE.characters), '')}${text(WIDTH - MARGIN, top + 13, figures, 'figures')}`;
  return `${words}\n${drawStrip(shades, LINE.strip, top, LINE.width)}`;
}

/** A file over several strips, each of them full but the last. */
function drawLong({ name, figures, shades }: Row): string {
  const strips = stripsOf(shades);
  const perStrip = Math.ceil(shades.length / Math.max(1, strips));
  const drawn = Array.from({ length: strips }, (_, strip) => {
    const part = shades.subarray(strip * perStrip, (strip + 1) * perStrip);
    return drawStrip(part, MARGIN, HEADER + ROW.text + strip * (STRIP.height + STRIP.gap), (STRIP.width * part.length) / perStrip);
  });
  return [caption(name, figures, HEADER), ...drawn].join('\n');
}

/** A small file has fewer cells than one strip has room for. */
function stripsOf(shades: Uint8Array): number {
  return Math.max(1, Math.ceil(shades.length / STRIP.width));
}

function rowHeight(strips: number): number {
  return ROW.text + strips * (STRIP.height + STRIP.gap) + ROW.gap;
}

function caption(name: string, figures: string, top: number): string {
  const y = top + 13;
  return `${text(MARGIN, y, shortened(name, MOST_CHARACTERS), '')}\n${text(WIDTH - MARGIN, y, figures, 'figures')}`;
}

/** Neighbours of one shade are one rectangle, and all of one shade one path. */
function drawStrip(shades: Uint8Array, left: number, top: number, width: number): string {
  const paths = new Map<number, string>();
  const x = (cell: number): number => Math.round(((cell * width) / shades.length) * 100) / 100;
  for (let from = 0, to = 0; from < shades.length; from = to) {
    const shade = shades[from] as number;
    while (to < shades.length && shades[to] === shade) to += 1;
    if (shade === 0) continue;
    const wide = Math.round((x(to) - x(from)) * 100) / 100;
    paths.set(shade, `${paths.get(shade) ?? ''}M${x(from)} 0h${wide}v${STRIP.height}h-${wide}z`);
  }
  const drawn = [...paths].map(([shade, path]) => `<path class="s${shade}" d="${path}"/>`);
  return [
    `<g transform="translate(${left} ${top})">`,
    `<rect class="s0" width="${Math.max(1, Math.round(width))}" height="${STRIP.height}"/>`,
    ...drawn,
    '</g>',
  ].join('');
}

function text(x: number, y: number, words: string, kind: string): string {
  return `<text x="${x}" y="${y}"${kind === '' ? '' : ` class="${kind}"`}>${escaped(words)}</text>`;
}

/** The end of a path says more than its middle. */
function shortened(name: string, most: number): string {
  const characters = Array.from(name);
  if (characters.length <= most) return name;
  const start = Math.floor(most / 3);
  return `${characters.slice(0, start).join('')}…${characters.slice(start + 1 - most).join('')}`;
}

function escaped(words: string): string {
  const names: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return words.replace(/[&<>"]/g, (character) => names[character] as string);
}

const opacities = Array.from(
  { length: SHADES },
  (_, i) => `.s${i + 1}{fill:#12805c;fill-opacity:${(0.25 + (0.75 * (i + 1)) / SHADES).toFixed(2)}}`,
);

const STYLE = `<style>
.ground{fill:#fff}.s0{fill:#e3e7ec}${opacities.join('')}.s${UNKNOWN}{fill:#d99a2b}path,rect{shape-rendering:crispEdges}
text{font:13px system-ui,"DejaVu Sans",sans-serif;fill:#1c2430;}.title{font-size:24px;font-weight:600}.faint{fill:#5b6675}.figures{text-anchor:end;fill:#3a4554}.legend{text-anchor:end;fill:#3a4554}
@media (prefers-color-scheme:dark){.ground{fill:#14181d}.s0{fill:#2b323b}text{fill:#e6eaf0}.faint{fill:#9aa5b3}.figures,.legend{fill:#c2cad5}${opacities.join('').replaceAll('#12805c', '#37c492')}.s${UNKNOWN}{fill:#e0ad4c}}
</style>`;

/** Right of the title: what the shades mean. */
const LEGEND = [
  ...(
    [
      ['all in memory', SHADES, 700],
      ['some', 3, 850],
      ['nothing', 0, 940],
      ['unknown', UNKNOWN, 1050],
    ] as const
  ).map(([words, shade, x]) => `<rect class="s${shade}" x="${x}" y="34" width="22" height="12"/>${text(x + 30, 44, words, 'faint')}`),
].join('\n');
