import type { Zoom, Zoomed } from '../events.js';
import { Chart } from './chart.js';
import { element, setText } from './elements.js';
import { formatBytes, formatCount, formatPlural, formatShare } from './format.js';
import { ALL, applyChange, NONE } from './levels.js';
import type { Model, WatchedFile } from './model.js';
import { repaint } from './painter.js';
import { onNewColours } from './palette.js';
import { Squares } from './squares.js';
import { type Layout, type Looked, moved, questionOf, refitted, spanOf, whole, zoomed } from './zoom.js';

/** The least width of a square, in CSS pixels. */
const LEAST_SQUARE = 7;
const MOST_COLUMNS = 128;
const LEAST_COLUMNS = 32;

export interface CloseUpListener {
  /** Another part of the file is to be looked at. */
  zoomChanged(): void;
  close(): void;
}

/** The panel of the open row: a part of its file, down to single pages, and its resident bytes over time. */
export class CloseUp {
  readonly #listener: CloseUpListener;
  readonly #squares = new Squares();
  readonly #field = element('div', 'squares');
  readonly #caption = element('p', 'caption');
  readonly #readout = element('p', 'readout');
  readonly #facts = element('p', 'facts');
  readonly #path = element('p', 'path');
  readonly #closer = button('+', 'Zoom in (+)');
  readonly #wider = button('\u2212', 'Zoom out (-)');
  readonly #back = button('\u2190', 'Towards the start (Page Up)');
  readonly #forth = button('\u2192', 'Towards the end (Page Down)');
  readonly #all = button('Whole file', 'Show the whole file (0)');
  readonly #shut = button('Close', 'Close (Escape)');
  readonly #chart: Chart;
  readonly #figure = element('figure', 'history');
  #file: WatchedFile | undefined;
  #layout: Layout | undefined;
  #question: Zoom | undefined;
  #cursor: number | undefined;
  #resident: number | undefined;
  #error: string | undefined;

  constructor(panel: HTMLElement, listener: CloseUpListener) {
    this.#listener = listener;
    const cell = element('div', 'panel-cell');
    cell.setAttribute('role', 'gridcell');
    const tools = element('div', 'tools');
    tools.setAttribute('role', 'toolbar');
    tools.setAttribute('aria-label', 'Zoom');
    tools.append(this.#wider, this.#closer, this.#back, this.#forth, this.#all, this.#caption, this.#shut);
    this.#field.tabIndex = 0;
    this.#field.setAttribute('role', 'group');
    this.#field.append(this.#squares.canvas);
    this.#readout.setAttribute('aria-live', 'polite');
    const canvas = element('canvas');
    this.#figure.append(element('figcaption', '', 'In memory over time'), canvas);
    this.#chart = new Chart(canvas, 'this file');
    const close = element('div', 'close');
    close.append(tools, this.#field, this.#readout);
    const about = element('div', 'about');
    about.append(this.#path, this.#facts, this.#figure);
    cell.append(close, about);
    panel.append(cell);

    this.#closer.addEventListener('click', () => this.#zoom('in'));
    this.#wider.addEventListener('click', () => this.#zoom('out'));
    this.#back.addEventListener('click', () => this.#move(-0.5));
    this.#forth.addEventListener('click', () => this.#move(0.5));
    this.#all.addEventListener('click', () => this.#showWhole());
    this.#shut.addEventListener('click', () => listener.close());
    this.#field.addEventListener('keydown', (event) => this.#press(event));
    this.#field.addEventListener('pointermove', (event) => this.#point(event));
    this.#field.addEventListener('pointerdown', (event) => this.#point(event));
    this.#field.addEventListener('dblclick', () => this.#zoom('in'));
    this.#field.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    new ResizeObserver(() => this.#refit()).observe(this.#field);
    onNewColours(() => {
      repaint(this.#squares);
      repaint(this.#chart);
    });
  }

  /** What the server has to look at. */
  get question(): Zoom | undefined {
    return this.#question;
  }

  /** The part that is shown, as shares of the file; undefined where it is all of it. */
  get part(): readonly [number, number] | undefined {
    const size = this.#file?.row.size ?? 0;
    if (this.#layout === undefined || size === 0) return undefined;
    const { offset } = this.#layout;
    const end = Math.min(size, offset + spanOf(this.#layout));
    return offset === 0 && end === size ? undefined : [offset / size, end / size];
  }

  /** Shows this file from now on, and the whole of it; none without one. */
  open(file: WatchedFile | undefined, model: Model): void {
    this.#file = file;
    this.#layout = undefined;
    this.#question = undefined;
    if (file !== undefined) this.refresh(file, model);
  }

  /** The file as it is known now. */
  refresh(file: WatchedFile, model: Model): void {
    const { row } = file;
    const before = this.#file?.row;
    this.#file = file;
    setText(this.#path, row.name);
    setText(this.#facts, factsOf(file));
    const lookable = row.error === undefined && row.size > 0;
    this.#field.parentElement?.toggleAttribute('hidden', !lookable);
    this.#figure.hidden = row.error !== undefined || row.unknown > 0;
    this.#field.setAttribute('aria-label', `Pages of ${row.name}. Arrow keys move the cursor, plus and minus zoom.`);
    this.#chart.show(file.history, model.time);
    if (!lookable) this.#question = undefined;
    else if (this.#layout === undefined) this.#showWhole();
    else if (before?.size !== row.size) this.#lay(refitted(this.#layout, this.#looked(), this.#layout.columns));
  }

  /** What the server found. Looks at another part than the one that is shown are late, and of no interest. */
  take(zoomed: Zoomed): void {
    const asked = this.#question;
    if (asked === undefined || !isSame(zoomed, asked)) return;
    this.#error = zoomed.error;
    this.#resident = zoomed.resident;
    if (zoomed.map !== undefined) {
      const levels = applyChange(this.#squares.levels, zoomed.map);
      if (levels !== undefined) this.#squares.show(levels);
    }
    this.#describe();
  }

  #looked(): Looked {
    const { id, size, pageSize } = (this.#file as WatchedFile).row;
    return { id, size, pageSize };
  }

  #columns(): number {
    let columns = MOST_COLUMNS;
    while (columns > LEAST_COLUMNS && this.#field.clientWidth / columns < LEAST_SQUARE) columns /= 2;
    return columns;
  }

  #showWhole(): void {
    this.#lay(whole(this.#looked(), this.#columns()));
  }

  /** Other columns where the width has become another. */
  #refit(): void {
    const columns = this.#columns();
    if (this.#layout === undefined || this.#field.clientWidth === 0) return;
    if (columns === this.#layout.columns) this.#setHeight();
    else this.#lay(refitted(this.#layout, this.#looked(), columns));
  }

  #zoom(direction: 'in' | 'out'): void {
    if (this.#layout === undefined) return;
    const { offset, cell } = this.#layout;
    const middle = offset + Math.min(spanOf(this.#layout), this.#looked().size - offset) / 2;
    const position = this.#cursor === undefined ? middle : offset + this.#cursor * cell;
    this.#lay(zoomed(this.#layout, this.#looked(), position, direction), position);
  }

  #move(screens: number): void {
    if (this.#layout === undefined) return;
    this.#lay(moved(this.#layout, this.#looked(), this.#layout.offset + screens * spanOf(this.#layout)));
  }

  /** Shows that part; the cursor goes where `position` is. */
  #lay(layout: Layout, position?: number): void {
    const question = questionOf(layout, this.#looked());
    this.#layout = layout;
    this.#setHeight();
    if (this.#question === undefined || !isSame(question, this.#question)) {
      this.#question = question;
      this.#error = undefined;
      this.#resident = undefined;
      this.#squares.lay(layout, question.count);
      this.#cursor = undefined;
      this.#listener.zoomChanged();
    } else {
      this.#squares.arrange(layout);
    }
    if (position !== undefined)
      this.#cursor = Math.min(question.count - 1, Math.max(0, Math.floor((position - layout.offset) / layout.cell)));
    this.#squares.point(this.#cursor);
    this.#describe();
  }

  #setHeight(): void {
    if (this.#layout === undefined) return;
    const { columns, rows } = this.#layout;
    this.#squares.canvas.style.height = `${Math.round((this.#field.clientWidth / columns) * rows)}px`;
    repaint(this.#squares);
  }

  #press(event: KeyboardEvent): void {
    if (this.#layout === undefined || this.#question === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const { columns } = this.#layout;
    const steps: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const step = steps[event.key];
    if (step !== undefined) this.#step(step);
    else if (event.key === '+' || event.key === '=' || event.key === 'Enter') this.#zoom('in');
    else if (event.key === '-') this.#zoom('out');
    else if (event.key === '0') this.#showWhole();
    else if (event.key === 'PageDown') this.#move(1);
    else if (event.key === 'PageUp') this.#move(-1);
    else if (event.key === 'Home') this.#lay(moved(this.#layout, this.#looked(), 0), 0);
    else if (event.key === 'End') this.#lay(moved(this.#layout, this.#looked(), this.#looked().size), this.#looked().size - 1);
    else if (event.key === 'Escape') this.#listener.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Moves the cursor, and what is shown where it would leave that. */
  #step(step: number): void {
    const layout = this.#layout as Layout;
    const { count } = this.#question as Zoom;
    const cursor = this.#cursor === undefined ? 0 : this.#cursor + step;
    if (cursor >= 0 && cursor < count) {
      this.#cursor = cursor;
      this.#squares.point(cursor);
      this.#describe();
      return;
    }
    const position = layout.offset + cursor * layout.cell;
    if (position < 0 || position >= this.#looked().size) return;
    this.#lay(moved(layout, this.#looked(), layout.offset + Math.sign(step) * (spanOf(layout) / 2)), position);
  }

  #point({ clientX, clientY }: PointerEvent): void {
    const { left, top } = this.#squares.canvas.getBoundingClientRect();
    const square = this.#squares.squareAt(clientX - left, clientY - top);
    if (square === undefined || square === this.#cursor) return;
    this.#cursor = square;
    this.#squares.point(square);
    this.#describe();
  }

  /** With Ctrl, which is also what pinching sends; the wheel alone scrolls the page. */
  #wheel(event: WheelEvent): void {
    if (!event.ctrlKey) return;
    event.preventDefault();
    if (event.deltaY !== 0) this.#zoom(event.deltaY < 0 ? 'in' : 'out');
  }

  #describe(): void {
    const layout = this.#layout;
    const asked = this.#question;
    if (layout === undefined || asked === undefined) return;
    const { size, pageSize } = this.#looked();
    const length = Math.min(size - layout.offset, spanOf(layout));
    const all = layout.offset === 0 && length === size;
    const pages = layout.cell / pageSize;
    const scale =
      pages === 1
        ? `a square is one page (${formatBytes(pageSize)})`
        : `a square is ${formatCount(pages)} pages (${formatBytes(layout.cell)})`;
    const place = all ? 'The whole file' : `${formatBytes(length)} from byte ${formatCount(layout.offset)} on`;
    setText(this.#caption, `${place}; ${scale}`);
    const smallest = pages === 1;
    const unzoomed = layout.cell >= whole(this.#looked(), layout.columns).cell;
    disable(this.#closer, smallest);
    disable(this.#wider, unzoomed);
    disable(this.#all, all);
    disable(this.#back, layout.offset === 0);
    disable(this.#forth, layout.offset + length >= size);
    const found = this.#found(asked, length);
    this.#squares.canvas.setAttribute('aria-label', `${place}; ${scale}. ${found}`);
    setText(this.#readout, this.#error ?? (this.#cursor === undefined ? found : this.#squareInWords(this.#cursor)));
    this.#readout.classList.toggle('error-text', this.#error !== undefined);
  }

  #found({ offset }: Zoom, length: number): string {
    const levels = this.#squares.levels;
    if (levels === undefined || this.#resident === undefined) return 'Looking...';
    if (levels.length === 0) return 'The kernel does not tell what of this file is in memory.';
    return `${formatBytes(this.#resident)} of ${formatBytes(length)} ${offset === 0 && length === this.#looked().size ? '' : 'shown '}in memory (${formatShare(this.#resident, length)})`;
  }

  #squareInWords(square: number): string {
    const { offset, cell } = this.#layout as Layout;
    const { size, pageSize } = this.#looked();
    const from = offset + square * cell;
    const to = Math.min(size, from + cell);
    const levels = this.#squares.levels;
    const level = levels?.[square];
    const pages =
      cell === pageSize
        ? `Page ${formatCount(from / pageSize)}`
        : `Pages ${formatCount(from / pageSize)} to ${formatCount(Math.ceil(to / pageSize) - 1)}`;
    const state =
      levels === undefined
        ? 'looking...'
        : level === undefined
          ? 'unknown'
          : level === NONE
            ? 'not in memory'
            : level === ALL
              ? 'in memory'
              : `${formatShare(level, ALL)} in memory`;
    return `${pages}, bytes ${formatCount(from)} to ${formatCount(to - 1)}: ${state}`;
  }
}

function factsOf({ row }: WatchedFile): string {
  if (row.error !== undefined) return row.error;
  if (row.size === 0) return 'The file is empty.';
  const size = `${formatPlural(row.size, 'byte')}, ${formatPlural(Math.ceil(row.size / row.pageSize), 'page')} of ${formatBytes(row.pageSize)}`;
  if (row.unknown > 0)
    return `${size}. The kernel does not tell this process what of it is in memory: it may neither write to the file nor own it, or may not ask.`;
  return `${size}, ${formatBytes(row.resident)} in memory.`;
}

function button(label: string, title: string): HTMLButtonElement {
  const made = element('button', '', label);
  made.type = 'button';
  made.title = title;
  made.setAttribute('aria-label', title.replace(/ \(.*\)$/, ''));
  return made;
}

/** Still reachable, so that the keyboard does not lose its place by the last step. */
function disable(target: HTMLButtonElement, disabled: boolean): void {
  target.setAttribute('aria-disabled', String(disabled));
}

function isSame(one: Zoom, other: Zoom): boolean {
  return one.id === other.id && one.offset === other.offset && one.cell === other.cell && one.count === other.count;
}
