import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { NofaultError } from '../../src/index';
import { ALL, type MapChange, MOST_CELLS, MOST_IN_VIEW, NONE, type State } from '../../src/web/events';
import { applyChange } from '../../src/web/page/levels';
import { TestFiles } from '../files';
import { ask, Browser, serve, until } from './serving';
import { PAGE } from './stand-in';

const files = TestFiles.make();

/** What a browser knows of one map after these events. */
function levelsOf(browser: Browser, id: number): number[] {
  let levels: Uint8Array | undefined;
  for (const { name, data } of browser.told) {
    if (name !== 'maps') continue;
    for (const change of (data as { maps: MapChange[] }).maps) if (change.id === id) levels = applyChange(levels, change);
  }
  return [...(levels ?? [])];
}

const idsOf = (state: State): number[] => state.files.map(({ id }) => id);

describe('looking', () => {
  test('begins with the first browser, is shared by all, and ends with the last', async () => {
    const { server, inspector } = await serve();
    inspector.add('/given/file', 10 * PAGE);
    await ask(server, '/');
    await ask(server, '/events', { method: 'HEAD' });
    expect(inspector.begun).toBe(0);

    const browsers = [await Browser.connect(server), await Browser.connect(server), await Browser.connect(server)];
    for (const browser of browsers) await browser.next('state');
    inspector.look();
    for (const browser of browsers) await browser.next('round');
    expect({ begun: inspector.begun, going: inspector.going }).toEqual({ begun: 1, going: 1 });

    for (const browser of browsers) browser.leave();
    await until(() => inspector.going === 0);
    const late = await Browser.connect(server);
    await late.next('state');
    expect({ begun: inspector.begun, going: inspector.going }).toEqual({ begun: 2, going: 1 });
  });

  test('that fails is told to all who watch, once to who serves, and tried again for the next', async () => {
    const failures: unknown[] = [];
    const { server, inspector } = await serve(['/given'], { onFailure: (error) => failures.push(error) });
    inspector.add('/given/file', 10);
    const browsers = [await Browser.connect(server), await Browser.connect(server)];
    for (const browser of browsers) await browser.next('state');
    inspector.failure = new NofaultError('LIMIT', 'there are more than 10000 files to follow');
    inspector.look();
    for (const browser of browsers) {
      expect(await browser.next('failed')).toEqual({ message: 'there are more than 10000 files to follow' });
      await browser.end();
    }
    expect(failures).toEqual([inspector.failure]);
    inspector.failure = undefined;
    expect((await (await Browser.connect(server)).next('state')).files).toHaveLength(1);
  });

  test('is refused to more browsers than it is meant for', async () => {
    const { server } = await serve();
    const browsers = await Promise.all(Array.from({ length: 64 }, () => Browser.connect(server)));
    expect(browsers[0]?.type).toBe('text/event-stream; charset=utf-8');
    expect((await ask(server, '/events')).status).toBe(503);
    browsers[0]?.leave();
    await until(() => browsers[0]?.ended === true);
    let status = 503;
    while (status === 503) status = (await ask(server, '/events', { method: 'HEAD' })).status;
    expect(status).toBe(200);
  });
});

describe('the state', () => {
  test('comes first and is whole: files, totals, errors, what is unknown', async () => {
    const { server, inspector } = await serve();
    const [half, strange, bad] = [
      inspector.add('/given/half', 10 * PAGE + 5),
      inspector.add('/given/strange', 100),
      inspector.add('/given/bad', 7),
    ];
    half.set(0, 5, true);
    strange.unknown = true;
    bad.fail('cannot open /given/bad: Permission denied (EACCES)');
    const browser = await Browser.connect(server);
    const state = await browser.next('state');
    const [first, second, third] = idsOf(state);
    expect(state.files).toEqual([
      { id: first, name: '/given/half', pageSize: PAGE, size: 10 * PAGE + 5, resident: 5 * PAGE, unknown: 0 },
      { id: second, name: '/given/strange', pageSize: PAGE, size: 100, resident: 0, unknown: 100 },
      {
        id: third,
        name: '/given/bad',
        pageSize: PAGE,
        size: 0,
        resident: 0,
        unknown: 0,
        error: 'cannot open /given/bad: Permission denied (EACCES)',
      },
    ]);
    expect(state.totals).toEqual({ files: 2, failed: 1, size: 10 * PAGE + 105, resident: 5 * PAGE, unknown: 100 });
    expect(state.history).toEqual([[state.time, 5 * PAGE]]);
  });

  test('comes again when files come or go, and those that stay keep their numbers', async () => {
    const { server, inspector } = await serve();
    for (const name of ['a', 'b', 'c']) inspector.add(`/given/${name}`, 10);
    const browser = await Browser.connect(server);
    const before = await browser.next('state');
    inspector.files.splice(1, 1);
    inspector.add('/given/d', 10);
    inspector.look();
    const after = await browser.next('state');
    const [a, b, c] = idsOf(before);
    expect(after.run).toBe(before.run);
    expect(idsOf(after).slice(0, 2)).toEqual([a, c]);
    expect(after.files[2]?.name).toBe('/given/d');
    expect([a, b, c]).not.toContain(idsOf(after)[2]);
  });

  test('is the same for a browser that lost its connection, with what happened before it', async () => {
    const { server, inspector } = await serve();
    const file = inspector.add('/given/file', 10 * PAGE);
    const stays = await Browser.connect(server);
    const first = await Browser.connect(server);
    const before = await first.next('state');
    await stays.next('state');
    first.leave();
    file.set(0, 3, true);
    inspector.look();
    await stays.next('round');
    const after = await (await Browser.connect(server)).next('state');
    expect(after.run).toBe(before.run);
    expect(idsOf(after)).toEqual(idsOf(before));
    expect(after.stream).not.toBe(before.stream);
    expect(after.history.map(([, resident]) => resident)).toEqual([0, 3 * PAGE]);
  });

  test('tells that nobody looked for a while', async () => {
    const { server, inspector } = await serve();
    inspector.add('/given/file', PAGE);
    const first = await Browser.connect(server);
    await first.next('state');
    first.leave();
    await until(() => inspector.going === 0);
    const { history } = await (await Browser.connect(server)).next('state');
    expect(history.map(([, resident]) => resident)).toEqual([0, null, 0]);
  });
});

describe('a round', () => {
  test('tells only of figures that changed', async () => {
    const { server, inspector } = await serve();
    const [still, moving] = [inspector.add('/given/still', 10 * PAGE), inspector.add('/given/moving', 10 * PAGE)];
    still.set(0, 1, true);
    const browser = await Browser.connect(server);
    const [, id] = idsOf(await browser.next('state'));
    inspector.look();
    expect((await browser.next('round')).changed).toEqual([]);
    moving.set(2, 4, true);
    inspector.look();
    const round = await browser.next('round');
    expect(round.changed).toEqual([{ id, size: 10 * PAGE, resident: 4 * PAGE, unknown: 0 }]);
    expect(round.totals.resident).toBe(5 * PAGE);
    moving.fail('cannot open it: gone');
    inspector.look();
    expect((await browser.next('round')).changed).toEqual([{ id, size: 0, resident: 0, unknown: 0, error: 'cannot open it: gone' }]);
  });
});

describe('maps', () => {
  test('are told of files in view, whole at first and then as differences', async () => {
    const { server, inspector } = await serve();
    const [file, other] = [inspector.add('/given/file', 256 * PAGE), inspector.add('/given/other', 256 * PAGE)];
    file.set(0, 128, true);
    const browser = await Browser.connect(server);
    const state = await browser.next('state');
    const [id] = idsOf(state) as [number];
    inspector.look();
    await browser.next('round');
    expect(browser.told.map(({ name }) => name)).not.toContain('maps');

    expect((await ask(server, `/view?stream=${state.stream}&files=${id}`)).status).toBe(204);
    const whole = await browser.next('maps');
    expect(whole.maps.map(({ id: told, cells }) => [told, cells])).toEqual([[id, 256]]);
    expect(levelsOf(browser, id)).toEqual([...Array(128).fill(ALL), ...Array(128).fill(NONE)]);

    file.set(200, 1, true);
    file.set(0, 1, false);
    other.set(0, 100, true);
    inspector.look();
    const change = await browser.next('maps');
    expect(change.maps).toEqual([
      {
        id,
        parts: [
          [0, Buffer.of(NONE).toString('base64')],
          [200, Buffer.of(ALL).toString('base64')],
        ],
      },
    ]);
  });

  test('a cell is none or all only where that is exactly true', async () => {
    const { server, inspector } = await serve();
    const file = inspector.add('/given/large', 2560 * PAGE * 100);
    file.set(0, 1, true);
    file.set(1000, 999, true);
    file.set(2000, 1000, true);
    const browser = await Browser.connect(server);
    const {
      stream,
      files: [row],
    } = await browser.next('state');
    await ask(server, `/view?stream=${stream}&files=${row?.id}`);
    await browser.next('maps');
    expect(levelsOf(browser, row?.id as number).slice(0, 4)).toEqual([1, ALL - 1, ALL, NONE]);
  });

  test('of what is unknown, empty or failed have no cells', async () => {
    const { server, inspector } = await serve();
    inspector.add('/given/unknown', 100 * PAGE).unknown = true;
    inspector.add('/given/empty', 0);
    inspector.add('/given/failed', 10).fail('no');
    const browser = await Browser.connect(server);
    const state = await browser.next('state');
    await ask(server, `/view?stream=${state.stream}&files=${idsOf(state).join()}`);
    expect((await browser.next('maps')).maps).toEqual(idsOf(state).map((id) => ({ id, cells: 0, parts: [] })));
  });

  test('follow a file that grows', async () => {
    const { server, inspector } = await serve();
    inspector.add('/given/file', 2 * PAGE).set(0, 2, true);
    const browser = await Browser.connect(server);
    const {
      stream,
      files: [row],
    } = await browser.next('state');
    await ask(server, `/view?stream=${stream}&files=${row?.id}`);
    await browser.next('maps');
    inspector.files = [];
    inspector.add('/given/file', 4 * PAGE).set(0, 2, true);
    inspector.look();
    await browser.next('maps');
    expect(levelsOf(browser, row?.id as number)).toEqual([ALL, ALL, NONE, NONE]);
  });
});

describe('a view', () => {
  test.each([
    ['no stream', ''],
    ['a stream that there is not', 'stream=nobody'],
  ])('with %s is refused', async (_, query) => {
    const { server } = await serve();
    expect([400, 404]).toContain((await ask(server, `/view?${query}`)).status);
  });

  test.each([
    'files=1,x',
    'files=-1',
    'files=1e3',
    'files=1.5',
    'files=99999999999999999999',
    `files=${Array(MOST_IN_VIEW + 1)
      .fill(1)
      .join()}`,
    'zoom=1:0:4096',
    'zoom=1:0:4096:1:1',
    'zoom=1:0:0:1',
    'zoom=1:0:4096:0',
    `zoom=1:0:4096:${MOST_CELLS + 1}`,
    'zoom=1:-4096:4096:1',
    'zoom=1:9007199254740991:4096:1',
    'zoom=x',
  ])('that makes no sense is refused: %s', async (query) => {
    const { server, inspector } = await serve();
    inspector.add('/given/file', 10 * PAGE);
    const { stream } = await (await Browser.connect(server)).next('state');
    expect((await ask(server, `/view?stream=${stream}&${query}`)).status).toBe(400);
    expect(inspector.asked).toEqual([]);
  });

  test('of files that are not there is empty', async () => {
    const { server, inspector } = await serve();
    inspector.add('/given/file', 10 * PAGE);
    const browser = await Browser.connect(server);
    const { stream } = await browser.next('state');
    expect((await ask(server, `/view?stream=${stream}&files=4000,0&zoom=4000:0:4096:10`)).status).toBe(204);
    expect(await browser.next('zoom')).toMatchObject({ id: 4000, error: expect.stringContaining('not there') as string });
    expect(inspector.asked).toEqual([]);
  });
});

describe('a close look', () => {
  test('shows single pages, then what changes of them, and ends when it is not wanted', async () => {
    const path = files.write('pages', 'x');
    const { server, inspector } = await serve([path]);
    const file = inspector.add(path, 1000 * PAGE + 1);
    file.set(500, 3, true);
    const browser = await Browser.connect(server);
    const {
      stream,
      files: [row],
    } = await browser.next('state');
    const id = row?.id as number;
    await ask(server, `/view?stream=${stream}&files=&zoom=${id}:${499 * PAGE}:${PAGE}:6`);
    const look = await browser.next('zoom');
    expect(look).toMatchObject({ id, offset: 499 * PAGE, cell: PAGE, count: 6, resident: 3 * PAGE });
    let levels = applyChange(undefined, look.map as MapChange) as Uint8Array;
    expect([...levels]).toEqual([NONE, ALL, ALL, ALL, NONE, NONE]);
    expect(inspector.asked[0]).toEqual({ path, range: { offset: 499 * PAGE, length: 6 * PAGE } });

    file.set(501, 1, false);
    let change = await browser.next('zoom');
    while (change.map === undefined) change = await browser.next('zoom');
    expect(change.map).toEqual({ id, parts: [[2, Buffer.of(NONE).toString('base64')]] });
    levels = applyChange(levels, change.map) as Uint8Array;
    expect([...levels]).toEqual([NONE, ALL, NONE, ALL, NONE, NONE]);

    await ask(server, `/view?stream=${stream}&files=`);
    const asked = inspector.asked.length;
    const other = await Browser.connect(server);
    inspector.look();
    await other.next('round');
    expect(inspector.asked.length).toBeLessThanOrEqual(asked + 1);
  });

  test('adds pages up where a cell is many, and ends with the file', async () => {
    const path = files.write('cells', 'x');
    const { server, inspector } = await serve([path]);
    const file = inspector.add(path, 10 * PAGE + 10);
    file.set(3, 2, true);
    file.set(10, 1, true);
    const browser = await Browser.connect(server);
    const {
      stream,
      files: [row],
    } = await browser.next('state');
    await ask(server, `/view?stream=${stream}&zoom=${row?.id}:0:${4 * PAGE}:3`);
    const { map, resident } = await browser.next('zoom');
    expect([...(applyChange(undefined, map as MapChange) as Uint8Array)]).toEqual([64, 64, Math.round((10 / (2 * PAGE + 10)) * ALL) || 1]);
    expect(resident).toBe(2 * PAGE + 10);
  });

  test('says where nothing is known', async () => {
    const path = files.write('dark', 'x');
    const { server, inspector } = await serve([path]);
    inspector.add(path, 10 * PAGE).unknown = true;
    const browser = await Browser.connect(server);
    const {
      stream,
      files: [row],
    } = await browser.next('state');
    await ask(server, `/view?stream=${stream}&zoom=${row?.id}:0:${PAGE}:10`);
    expect((await browser.next('zoom')).map).toEqual({ id: row?.id, cells: 0, parts: [] });
  });

  test('never follows a link that leads out of what was given', async () => {
    const outside = files.write('secret', 'not given');
    mkdirSync(files.path('given/inner'), { recursive: true });
    writeFileSync(files.path('given/inner/secret'), 'given');
    symlinkSync(files.path('given'), files.path('link'));
    const { server, inspector } = await serve([files.path('link')]);
    const path = `${files.path('link')}/inner/secret`;
    inspector.add(path, 10 * PAGE);
    const browser = await Browser.connect(server);
    const {
      stream,
      files: [row],
    } = await browser.next('state');
    const zoom = `/view?stream=${stream}&zoom=${row?.id}:0:${PAGE}:10`;
    await ask(server, zoom);
    // The link that was given is followed.
    expect((await browser.next('zoom')).error).toBeUndefined();
    const asked = inspector.asked.length;

    renameSync(files.path('given/inner'), files.path('given/before'));
    symlinkSync(files.folder, files.path('given/inner'));
    await ask(server, `/view?stream=${stream}&zoom=${row?.id}:0:${PAGE}:9`);
    let look = await browser.next('zoom');
    while (look.count !== 9) look = await browser.next('zoom');
    expect(look.error).toMatch(/symbolic link leads/);
    expect(inspector.asked.slice(asked).map(({ range }) => range?.length)).not.toContain(9 * PAGE);
    expect(outside).toBe(files.path('secret'));
  });
});
