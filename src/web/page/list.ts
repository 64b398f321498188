import { element } from './elements.js';
import type { Model } from './model.js';
import { repaint } from './painter.js';
import { onNewColours } from './palette.js';
import { Row } from './row.js';

/** Rows beyond the edges of the screen that are there already. */
const SPARE_ROWS = 4;

export interface ListListener {
  /** The files whose rows are on the screen are other ones, or the open one is. */
  viewChanged(): void;
  /** A row was opened, or the open one closed. */
  opened(id: number | undefined): void;
}

/** The rows of all files. Only those on the screen exist; one of them can be open and has a panel below it. */
export class List {
  readonly #container: HTMLElement;
  readonly #model: Model;
  readonly #panel: HTMLElement;
  readonly #listener: ListListener;
  #order: readonly number[] = [];
  #places = new Map<number, number>();
  readonly #rows = new Map<number, Row>();
  #open: number | undefined;
  /** The row that the Tab key leads to. */
  #current: number | undefined;
  #placing = 0;
  #panelHeight = 0;

  constructor(container: HTMLElement, panel: HTMLElement, model: Model, listener: ListListener) {
    this.#container = container;
    this.#panel = panel;
    this.#model = model;
    this.#listener = listener;
    // There from the start, so that it has a width when it is opened.
    container.append(panel);
    addEventListener('scroll', () => this.#placeSoon(), { passive: true });
    addEventListener('resize', () => this.#placeSoon());
    new ResizeObserver(() => {
      this.#panelHeight = panel.offsetHeight;
      this.#placeSoon();
    }).observe(panel);
    container.addEventListener('click', (event) => this.#click(event));
    container.addEventListener('keydown', (event) => this.#press(event));
    container.addEventListener('focusin', (event) => {
      const id = fileOf(event.target);
      if (id !== undefined) this.#setCurrent(id);
    });
    onNewColours(() => {
      for (const { strip } of this.#rows.values()) repaint(strip);
    });
  }

  /** Files whose rows are on the screen. */
  get inView(): number[] {
    return [...this.#rows.keys()];
  }

  get open(): number | undefined {
    return this.#open;
  }

  row(id: number): Row | undefined {
    return this.#rows.get(id);
  }

  /** Shows these files in this order. */
  arrange(order: readonly number[]): void {
    this.#order = order;
    this.#places = new Map(order.map((id, place) => [id, place]));
    this.#container.parentElement?.setAttribute('aria-rowcount', String(order.length + 1));
    if (this.#open !== undefined && !this.#places.has(this.#open)) this.setOpen(undefined);
    if (this.#current === undefined || !this.#places.has(this.#current)) this.#current = order[0];
    this.#place();
  }

  /** Shows what the model knows now. */
  refresh(): void {
    for (const [id, row] of this.#rows) {
      const file = this.#model.files.get(id);
      if (file !== undefined) row.show(file, this.#model);
    }
  }

  setOpen(id: number | undefined): void {
    if (id === this.#open) return;
    const before = this.#open === undefined ? undefined : this.#rows.get(this.#open);
    before?.strip.frame(undefined);
    this.#open = id;
    this.#panel.hidden = id === undefined;
    this.#listener.opened(id);
    this.#panelHeight = id === undefined ? 0 : this.#panel.offsetHeight;
    this.#place();
  }

  /** Puts the keyboard on the open row. */
  focusOpen(): void {
    if (this.#open !== undefined) this.#rows.get(this.#open)?.element.focus();
  }

  #placeSoon(): void {
    if (this.#placing !== 0) return;
    this.#placing = requestAnimationFrame(() => {
      this.#placing = 0;
      this.#place();
    });
  }

  /** Makes the rows that are on the screen, removes the others, and puts each where it belongs. */
  #place(): void {
    const height = Number.parseFloat(getComputedStyle(this.#container).getPropertyValue('--row'));
    const openPlace = this.#open === undefined ? undefined : this.#places.get(this.#open);
    const panel = openPlace === undefined ? 0 : this.#panelHeight;
    const top = (place: number): number => place * height + (openPlace !== undefined && place > openPlace ? panel : 0);
    this.#container.style.height = `${this.#order.length * height + panel}px`;

    const above = Math.max(0, -this.#container.getBoundingClientRect().top);
    const placeAt = (position: number): number => {
      const beforePanel = Math.floor(position / height);
      if (openPlace === undefined || beforePanel <= openPlace) return beforePanel;
      return Math.max(openPlace, Math.floor((position - panel) / height));
    };
    const first = Math.max(0, placeAt(above) - SPARE_ROWS);
    const last = Math.min(this.#order.length - 1, placeAt(above + innerHeight) + SPARE_ROWS);
    const wanted = new Set(this.#order.slice(first, last + 1));
    // The keyboard must not lose its place by scrolling.
    for (const kept of [this.#open, this.#current]) if (kept !== undefined && this.#places.has(kept)) wanted.add(kept);

    let changed = false;
    for (const [id, row] of this.#rows) {
      if (wanted.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
      changed = true;
    }
    const ids = [...wanted].sort((one, other) => (this.#places.get(one) as number) - (this.#places.get(other) as number));
    let before: Element | null = null;
    for (const id of ids) {
      let row = this.#rows.get(id);
      if (row === undefined) {
        row = new Row(id);
        this.#rows.set(id, row);
        changed = true;
        const file = this.#model.files.get(id);
        if (file !== undefined) row.show(file, this.#model);
      }
      const place = this.#places.get(id) as number;
      row.element.style.top = `${top(place)}px`;
      row.element.setAttribute('aria-rowindex', String(place + 2));
      row.element.setAttribute('aria-expanded', String(id === this.#open));
      row.element.tabIndex = id === this.#current ? 0 : -1;
      this.#putAfter(before, row.element);
      before = row.element;
      if (id === this.#open) {
        this.#panel.style.top = `${top(place) + height}px`;
        this.#putAfter(before, this.#panel);
        before = this.#panel;
      }
    }
    if (changed) this.#listener.viewChanged();
  }

  /** Elements are in the order in which they are read. Moving one takes the focus from it, so only where it is needed. */
  #putAfter(before: Element | null, placed: Element): void {
    if (placed.parentElement === this.#container && placed.previousElementSibling === before) return;
    if (before === null) this.#container.prepend(placed);
    else before.after(placed);
  }

  #click({ target }: MouseEvent): void {
    const id = fileOf(target);
    if (id === undefined) return;
    this.#setCurrent(id);
    this.setOpen(id === this.#open ? undefined : id);
  }

  #press(event: KeyboardEvent): void {
    const id = fileOf(event.target);
    if (id === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const place = this.#places.get(id);
    if (place === undefined) return;
    const height = (event.currentTarget as HTMLElement).clientHeight / Math.max(1, this.#order.length);
    const screenful = Math.max(1, Math.floor(innerHeight / Math.max(1, height)) - 3);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: place + 1,
      ArrowUp: place - 1,
      PageDown: place + screenful,
      PageUp: place - screenful,
      Home: 0,
      End: this.#order.length - 1,
    };
    const goal = moves[event.key];
    if (goal !== undefined) this.#focusPlace(Math.min(this.#order.length - 1, Math.max(0, goal)));
    else if (event.key === 'Enter' || event.key === ' ') this.setOpen(id === this.#open ? undefined : id);
    else if (event.key === 'Escape') this.setOpen(undefined);
    else return;
    event.preventDefault();
  }

  #focusPlace(place: number): void {
    const id = this.#order[place];
    if (id === undefined) return;
    this.#setCurrent(id);
    this.#place();
    const row = this.#rows.get(id)?.element;
    row?.scrollIntoView({ block: 'nearest' });
    row?.focus({ preventScroll: true });
  }

  #setCurrent(id: number): void {
    const before = this.#current === undefined ? undefined : this.#rows.get(this.#current);
    if (before !== undefined) before.element.tabIndex = -1;
    this.#current = id;
    const now = this.#rows.get(id);
    if (now !== undefined) now.element.tabIndex = 0;
  }
}

/** The file whose row (not panel) this is in. */
function fileOf(target: EventTarget | null): number | undefined {
  const row = target instanceof Element ? target.closest<HTMLElement>('[data-file]') : null;
  return row === null ? undefined : Number(row.dataset.file);
}

/** The place below an open row. */
export function panelElement(): HTMLElement {
  const panel = element('div', 'panel');
  panel.hidden = true;
  panel.setAttribute('role', 'row');
  return panel;
}
