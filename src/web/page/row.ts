import { describeMap, wordsOf } from './described.js';
import { element, setText } from './elements.js';
import { formatBytes, formatChange } from './format.js';
import type { Model, WatchedFile } from './model.js';
import { repaint } from './painter.js';
import { Strip } from './strip.js';

/** Characters of the end of a name that stay where there is no room for all of it: what tells files apart is often there. */
const TAIL = 12;
/** Of the folder so many characters stay, as wide as most are (in CSS ch), but no more than a third of the room. */
const FOLDER = 24;
const WIDTH = 0.75;

/** One file in the list. */
export class Row {
  readonly element = element('div', 'row');
  readonly strip = new Strip();
  readonly #folder = element('span', 'folder');
  readonly #base = element('bdi', 'base');
  readonly #head = element('span', 'head');
  readonly #tail = element('span', 'tail');
  readonly #resident = element('div', 'figure resident');
  readonly #size = element('div', 'figure size');
  readonly #share = element('div', 'figure share');
  readonly #change = element('div', 'figure change');
  readonly #error = element('div', 'error');
  readonly #resized = new ResizeObserver(() => repaint(this.strip));

  constructor(id: number) {
    const name = element('div', 'name');
    const map = element('div', 'map');
    // Names run from left to right as paths do, whatever script they are in: escapes in them must stay readable.
    for (const part of [this.#folder, this.#base]) part.dir = 'ltr';
    this.#base.append(this.#head, this.#tail);
    name.append(this.#folder, this.#base);
    map.append(this.strip.canvas);
    for (const cell of [name, this.#resident, this.#size, this.#share, this.#change, map, this.#error])
      cell.setAttribute('role', 'gridcell');
    this.element.setAttribute('role', 'row');
    this.element.dataset.file = String(id);
    this.element.append(name, this.#resident, this.#size, this.#share, this.#change, map, this.#error);
    this.#resized.observe(this.strip.canvas);
  }

  show(file: WatchedFile, model: Model): void {
    const { row, levels } = file;
    const { name, error } = row;
    const cut = name.lastIndexOf('/') + 1;
    setText(this.#folder, name.slice(0, cut));
    this.#folder.style.minWidth = `min(33%, ${Math.min(FOLDER, cut) * WIDTH}ch)`;
    const base = [...name.slice(cut)];
    const head = base.length > 2 * TAIL ? base.length - TAIL : base.length;
    setText(this.#head, base.slice(0, head).join(''));
    setText(this.#tail, base.slice(head).join(''));
    this.element.title = name;
    this.element.classList.toggle('failed', error !== undefined);
    setText(this.#error, error ?? '');
    if (error !== undefined) {
      for (const cell of [this.#resident, this.#size, this.#share, this.#change]) setText(cell, '');
      this.strip.show(undefined);
      return;
    }
    const words = wordsOf(row);
    const change = row.unknown > 0 ? 0 : model.recentChange(file);
    setText(this.#resident, words.resident);
    setText(this.#size, formatBytes(row.size));
    setText(this.#share, words.share);
    setText(this.#change, formatChange(change));
    this.#change.classList.toggle('more', change > 0);
    this.#change.classList.toggle('less', change < 0);
    this.element.classList.toggle('empty', row.size === 0);
    this.strip.show(row.size === 0 ? undefined : levels);
    const label = describeMap(row, levels);
    if (this.strip.canvas.getAttribute('aria-label') !== label) this.strip.canvas.setAttribute('aria-label', label);
  }

  remove(): void {
    this.#resized.disconnect();
    this.strip.forget();
    this.element.remove();
  }
}
