import type { Events } from '../events.js';
import { Chart } from './chart.js';
import { CloseUp } from './close-up.js';
import { byId, setText } from './elements.js';
import { formatBytes, formatCount, formatPlural, formatShare, formatTime } from './format.js';
import { List, panelElement } from './list.js';
import { Model } from './model.js';
import { type Column, nextOrder, type Order, orderedFiles } from './order.js';
import { repaint } from './painter.js';
import { onNewColours } from './palette.js';
import { type Connection, Stream, type StreamListener } from './stream.js';

/** More looks may be late than this before the page says so. */
const LATE_LOOKS = 5;
const MOST_IN_VIEW: typeof import('../events.js').MOST_IN_VIEW = 200;

const model = new Model();
const chart = new Chart(byId<HTMLCanvasElement>('chart'), 'all files');
const panel = panelElement();
const filter = byId<HTMLInputElement>('filter');
const headings = [...document.querySelectorAll<HTMLElement>('[data-column]')];
let order: Order = { column: 'given', descending: false };
let connection: Connection = 'connecting';
let failure = '';

const list = new List(byId('files'), panel, model, {
  viewChanged: () => tellView(),
  opened: (id) => {
    closeUp.open(id === undefined ? undefined : model.files.get(id), model);
    tellView();
  },
});
const closeUp = new CloseUp(panel, {
  zoomChanged: () => tellView(),
  close: () => {
    list.focusOpen();
    list.setOpen(undefined);
  },
});

const take: { readonly [Name in keyof Events]: (data: Events[Name]) => void } = {
  state(state) {
    model.takeState(state);
    arrange();
    refresh();
    tellView();
  },
  round(round) {
    model.takeRound(round);
    refresh();
  },
  maps(maps) {
    model.takeMaps(maps);
    list.refresh();
  },
  zoom: (zoomed) => closeUp.take(zoomed),
  failed() {},
};

const listener: StreamListener = {
  event: (name, data) => take[name](data),
  connection(state, message = '') {
    connection = state;
    failure = message;
    showStatus();
  },
};
const stream = new Stream(listener);

/** Says what is on the screen, so that the server tells of that in detail. */
function tellView(): void {
  const inView = list.inView.slice(0, MOST_IN_VIEW);
  model.keepMapsOf(new Set(inView));
  if (list.open !== undefined) list.row(list.open)?.strip.frame(closeUp.part);
  if (model.stream !== '') stream.view(model.stream, inView, closeUp.question);
}

function arrange(): void {
  const shown = orderedFiles(model.files, order, filter.value);
  list.arrange(shown);
  byId('nothing').hidden = shown.length > 0 || model.time === 0;
  setText(byId('nothing'), model.files.size === 0 ? 'There are no files here.' : 'No name contains that.');
  for (const heading of headings) {
    const sorted = heading.dataset.column === order.column;
    heading.setAttribute('aria-sort', sorted ? (order.descending ? 'descending' : 'ascending') : 'none');
  }
}

function refresh(): void {
  const { totals } = model;
  const unknown = totals.unknown > 0 ? `, ${formatBytes(totals.unknown)} unknown` : '';
  setText(byId('total-resident'), totals.unknown === totals.size && totals.size > 0 ? 'unknown' : formatBytes(totals.resident));
  setText(byId('total-share'), totals.unknown === 0 ? formatShare(totals.resident, totals.size) : '');
  setText(byId('total-size'), `of ${formatBytes(totals.size)}${unknown}`);
  setText(byId('total-files'), `${formatPlural(totals.files, 'file')}${totals.failed === 0 ? '' : ','}`);
  setText(byId('total-failed'), totals.failed === 0 ? '' : `${formatCount(totals.failed)} with errors`);
  chart.show(model.history, model.time);
  list.refresh();
  const open = list.open === undefined ? undefined : model.files.get(list.open);
  if (open !== undefined) closeUp.refresh(open, model);
  showStatus();
}

function showStatus(): void {
  const late = Date.now() - model.time;
  const isLate = connection === 'live' && model.time > 0 && late > LATE_LOOKS * model.interval;
  const words: Readonly<Record<Connection, string>> = {
    connecting: 'Connecting...',
    live: isLate ? `Last look ${Math.round(late / 1000)} s ago` : `Live, ${formatTime(model.time)}`,
    lost: 'Not connected; trying again. Is nofault still running?',
    paused: 'Paused',
    failed: `Looking failed: ${failure}`,
  };
  const status = byId('status');
  setText(status, words[connection]);
  status.dataset.state = isLate ? 'late' : connection;
  document.body.classList.toggle('stale', connection === 'lost' || connection === 'failed');
}

for (const heading of headings) {
  heading.querySelector('button')?.addEventListener('click', () => {
    order = nextOrder(order, heading.dataset.column as Column);
    arrange();
  });
}
filter.addEventListener('input', arrange);
onNewColours(() => repaint(chart));
setInterval(showStatus, 1000);
