import { Writable } from 'node:stream';
import { Roster } from '../../src/web/roster';
import { EventStream } from '../../src/web/stream';
import { Browser, serve, until } from './serving';
import { PAGE, StandIn } from './stand-in';

const FILES = 2000;
const PAGES = 8;

/** So many changes of all files that they come to megabytes. */
function busy(inspector: StandIn): () => void {
  const files = Array.from({ length: FILES }, (_, index) => inspector.add(`/given/${index}`, PAGES * PAGE));
  let turn = 0;
  return () => {
    turn += 1;
    for (const file of files) file.set(0, PAGES, false);
    for (const file of files) file.set(0, 1 + (turn % (PAGES - 1)), true);
  };
}

test('a browser that stops reading is sent nothing meanwhile, and then what is, not what was', async () => {
  const { server, inspector } = await serve();
  const change = busy(inspector);
  const [slow, quick] = [await Browser.connect(server), await Browser.connect(server)];
  await slow.next('state');
  await quick.next('state');
  slow.pause();
  const looks = 250;
  let perLook = 0;
  for (let look = 0; look < looks; look++) {
    change();
    const before = quick.received;
    inspector.look();
    await quick.next('round');
    perLook = quick.received - before;
  }
  const paused = slow.received;
  slow.resume();
  // The last look may have been the first that it has no need of.
  change();
  inspector.look();
  const last = await quick.next('round');
  let told = await slow.next('round');
  while (told.time !== last.time) told = await slow.next('round');
  expect(told.totals).toEqual(last.totals);
  // What lay in sockets is what systems buffer: some looks, not 250.
  expect(perLook).toBeGreaterThan(80_000);
  expect(slow.received - paused).toBeLessThan((looks * perLook) / 3);
});

test('nothing is kept for it but one event', () => {
  const inspector = new StandIn();
  const change = busy(inspector);
  const roster = new Roster((text) => text.toString());
  const out = new HeldUp();
  const stream = new EventStream(roster, out, 1000);
  const look = async (): Promise<void> => {
    change();
    for await (const round of inspector.follow([])) {
      roster.take(round);
      stream.update();
      break;
    }
  };
  return (async () => {
    for (let turn = 0; turn < 20; turn++) await look();
    expect(out.names).toEqual(['state']);
    out.release();
    await until(() => out.names.length > 1);
    expect(out.names).toEqual(['state', 'round']);
    out.destroy();
  })();
});

test('one that never reads is let go in the end', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
  try {
    const inspector = new StandIn();
    busy(inspector);
    const roster = new Roster((text) => text.toString());
    const out = new HeldUp();
    const stream = new EventStream(roster, out, 1000);
    for await (const round of inspector.follow([])) {
      roster.take(round);
      stream.update();
      break;
    }
    expect(stream.behind).toBe(true);
    jest.advanceTimersByTime(59_000);
    expect(out.destroyed).toBe(false);
    jest.advanceTimersByTime(2_000);
    expect(out.destroyed).toBe(true);
  } finally {
    jest.useRealTimers();
  }
});

/** A socket whose other end takes nothing until it is released. */
class HeldUp extends Writable {
  readonly names: string[] = [];
  #held: (() => void) | undefined;
  #open = false;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.names.push(/^event: (\w+)/.exec(chunk.toString())?.[1] ?? '');
    if (this.#open) done();
    else this.#held = done;
  }

  release(): void {
    this.#open = true;
    this.#held?.();
  }
}
