import type { Locator, Page } from 'playwright-core';
import { Chromium, withChromium } from './chromium';
import { serve } from './serving';
import { PAGE, type StandIn } from './stand-in';

const chromium = new Chromium();
const AMBER = '#d98a00';
const PURPLE = '#c2377f';

const rowOf = (page: Page, name: string): Locator => page.locator('.row', { hasText: name });
const readout = (page: Page): Locator => page.locator('.readout');

/** Waits until a text is there; the browser looks, so that nothing is timed. */
async function shows(where: Locator, text: string | RegExp): Promise<void> {
  await where.filter({ hasText: text }).first().waitFor();
}

/** Whether anything but transparency is on a canvas. Looks at a copy: Chromium warns of a canvas that is read twice, and it is the page's. */
function isPainted(canvas: Locator): Promise<boolean> {
  return canvas.evaluate((element) => {
    interface Drawn {
      readonly width: number;
      readonly height: number;
    }
    interface Context {
      drawImage(drawn: Drawn, ...place: number[]): void;
      getImageData(...place: number[]): { data: Uint8ClampedArray };
    }
    const { OffscreenCanvas } = globalThis as unknown as {
      OffscreenCanvas: new (width: number, height: number) => { getContext(kind: string): Context };
    };
    const drawn = element as unknown as Drawn;
    const copy = new OffscreenCanvas(drawn.width, drawn.height).getContext('2d');
    copy.drawImage(drawn, 0, 0);
    return copy.getImageData(0, 0, drawn.width, drawn.height).data.some((byte) => byte > 0);
  });
}

async function becomesPainted(canvas: Locator): Promise<void> {
  while (!(await isPainted(canvas))) await canvas.page().evaluate(nextFrame);
}

const nextFrame = (): Promise<unknown> =>
  new Promise((resolve) =>
    (globalThis as unknown as { requestAnimationFrame(done: (time: number) => void): void }).requestAnimationFrame(resolve),
  );

const paintedWith = (page: Page): Promise<string[]> =>
  page.evaluate(() => [...(globalThis as unknown as { painted: Set<string> }).painted]);

/** Some files as they may be: cached, half cached, cold, sparse and huge, empty, failed, and unknown. */
function fill(inspector: StandIn): void {
  inspector.add('/given/cached', 100 * PAGE).set(0, 100, true);
  inspector.add('/given/half', 1000 * PAGE).set(0, 500, true);
  inspector.add('/given/cold', 50 * PAGE);
  inspector.add('/given/empty', 0);
  inspector.add('/given/failed', 1).fail('cannot open /given/failed: Permission denied (EACCES)');
  inspector.add('/given/unknown', 20 * PAGE).unknown = true;
}

withChromium.describe('the page', () => {
  test('shows each file as a row with its map, and what they come to together', async () => {
    const { server, inspector } = await serve();
    fill(inspector);
    const page = await chromium.open(server.url);
    // It is late for a page that looks a hundred times a second, for this one looks when it is told to.
    await shows(page.locator('#status'), /^(Live|Last look)/);
    await shows(page.locator('#total-resident'), '2.3 MiB');
    await shows(page.locator('#total-files'), '5 files');
    await shows(page.locator('#total-failed'), '1 with errors');
    await shows(rowOf(page, 'cached').locator('.share'), '100 %');
    await shows(rowOf(page, 'half').locator('.share'), '50.0 %');
    await shows(rowOf(page, 'cold').locator('.share'), /^0 %/);
    await shows(rowOf(page, 'unknown').locator('.resident'), 'unknown');
    await shows(rowOf(page, 'failed').locator('.error'), 'Permission denied');
    for (const name of ['cached', 'half', 'cold', 'unknown']) await becomesPainted(rowOf(page, name).locator('canvas'));
    await becomesPainted(page.locator('#chart'));
    expect(await rowOf(page, 'half').locator('canvas').getAttribute('aria-label')).toMatch(/all from 0 B to 2\.0 MiB/);
  });

  test('says that there is nothing, and that no name fits', async () => {
    const { server, inspector } = await serve();
    const page = await chromium.open(server.url);
    await shows(page.locator('#nothing'), 'There are no files here.');
    fill(inspector);
    inspector.look();
    await rowOf(page, 'cached').waitFor();
    await page.locator('#filter').fill('nowhere');
    await shows(page.locator('#nothing'), 'No name contains that.');
    await page.locator('#filter').fill('half');
    await rowOf(page, 'half').waitFor();
    expect(await page.locator('.row').count()).toBe(1);
  });

  test('pages that came or left flash', async () => {
    const { server, inspector } = await serve();
    const file = inspector.add('/given/file', 100 * PAGE);
    const page = await chromium.open(server.url, { colorScheme: 'light' });
    await becomesPainted(rowOf(page, 'file').locator('canvas'));
    expect(await paintedWith(page)).not.toContain(AMBER);
    // Again, should the browser have slept through a whole flash.
    while (!(await paintedWith(page)).includes(AMBER) || !(await paintedWith(page)).includes(PURPLE)) {
      file.set(10, 5, true);
      inspector.look();
      await shows(rowOf(page, 'file').locator('.resident'), '20.0 KiB');
      await page.evaluate(nextFrame);
      file.set(10, 5, false);
      inspector.look();
      await shows(rowOf(page, 'file').locator('.resident'), /^0 B/);
      await page.evaluate(nextFrame);
    }
  });

  test('nothing flashes where the user wants no motion', async () => {
    const { server, inspector } = await serve();
    const file = inspector.add('/given/file', 100 * PAGE);
    const page = await chromium.open(server.url, { reducedMotion: 'reduce', colorScheme: 'light' });
    await becomesPainted(rowOf(page, 'file').locator('canvas'));
    for (const resident of [true, false, true]) {
      file.set(10, 5, resident);
      inspector.look();
      await shows(rowOf(page, 'file').locator('.resident'), resident ? '20.0 KiB' : /^0 B/);
      await page.evaluate(nextFrame);
      await page.evaluate(nextFrame);
    }
    const colours = await paintedWith(page);
    expect(colours).not.toContain(AMBER);
    expect(colours).not.toContain(PURPLE);
  });

  test('is zoomed to single pages with the mouse', async () => {
    const { server, inspector } = await serve([__filename]);
    const file = inspector.add(__filename, 100_000 * PAGE);
    file.set(0, 1, true);
    const page = await chromium.open(server.url);
    await rowOf(page, 'page.test.ts').click();
    await shows(page.locator('.caption'), 'The whole file; a square is 128 pages');
    await shows(readout(page), '4.0 KiB of 390.6 MiB in memory');
    await becomesPainted(page.locator('.squares canvas'));
    await page.locator('.squares').click({ position: { x: 2, y: 2 } });
    await shows(readout(page), 'Pages 0 to 127');
    while (!(await page.locator('.caption').textContent())?.includes('one page'))
      await page.getByRole('button', { name: 'Zoom in' }).click();
    await page.locator('.squares').hover({ position: { x: 2, y: 2 } });
    await shows(readout(page), 'Page 0, bytes 0 to 4,095: in memory');
    file.set(0, 1, false);
    await shows(readout(page), 'Page 0, bytes 0 to 4,095: not in memory');
    await page.getByRole('button', { name: 'Show the whole file' }).click();
    await shows(page.locator('.caption'), 'The whole file');
    await page.locator('.squares').hover({ position: { x: 2, y: 2 } });
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, -100);
    await page.keyboard.up('Control');
    await shows(page.locator('.caption'), 'a square is 32 pages');
    await page.getByRole('button', { name: 'Close' }).click();
    await page.locator('.panel').waitFor({ state: 'hidden' });
  });

  test('is zoomed to single pages with the keyboard alone', async () => {
    const { server, inspector } = await serve([__filename]);
    inspector.add('/given/first', 10);
    inspector.add(__filename, 100_000 * PAGE).set(99_999, 1, true);
    const page = await chromium.open(server.url);
    await rowOf(page, 'page.test.ts').waitFor();
    const press = (key: string): Promise<void> => page.keyboard.press(key);
    while ((await page.locator('.row:focus').count()) === 0) await press('Tab');
    await press('ArrowDown');
    await press('Enter');
    await shows(page.locator('.caption'), 'The whole file');
    while ((await page.locator('.squares:focus').count()) === 0) await press('Tab');
    await press('End');
    while (!(await page.locator('.caption').textContent())?.includes('one page')) {
      await press('+');
      await press('End');
    }
    await shows(readout(page), /^Page 99,999, .*: in memory/);
    await press('ArrowLeft');
    await shows(readout(page), /^Page 99,998, .*: not in memory/);
    await press('PageUp');
    await press('0');
    await shows(page.locator('.caption'), 'The whole file');
    await press('Escape');
    await page.locator('.panel').waitFor({ state: 'hidden' });
    expect(await page.locator('.row:focus').textContent()).toContain('page.test.ts');
  });

  test('charts resident bytes over time', async () => {
    const { server, inspector } = await serve();
    const file = inspector.add('/given/file', 100 * PAGE);
    const page = await chromium.open(server.url);
    await rowOf(page, 'file').waitFor();
    for (const count of [10, 20]) {
      file.set(0, count, true);
      inspector.look();
      await shows(rowOf(page, 'file').locator('.resident'), `${count * 4}.0 KiB`);
    }
    await page.locator('#chart[aria-label*="80.0 KiB now, between 0 B and 80.0 KiB before"]').waitFor();
    await shows(rowOf(page, 'file').locator('.change'), '+80.0 KiB');
  });

  test('shows names as text, whatever they hold', async () => {
    const names = [
      '/given/<img src=x onerror=alert(1)>',
      '/given/<script>alert(1)</script>',
      '/given/&lt;b&gt;',
      '/given/two\\nlines',
      '/given/\\x1b[31mred',
      '/given/right\\u{202e}left',
      '/given/\u05e9\u05dc\u05d5\u05dd.idx',
      `/given/${'long'.repeat(60)}`,
    ];
    const { server, inspector } = await serve();
    for (const name of names) inspector.add(name, PAGE);
    inspector.add('/given/bad', 1).fail('cannot open <b>/given/bad</b>');
    const page = await chromium.open(server.url, { viewport: { width: 390, height: 900 } });
    for (const name of names) await shows(page.locator('.row .name'), name);
    await shows(page.locator('.row .error'), '<b>/given/bad</b>');
    expect(await page.locator('.row img, .row script, .row b').count()).toBe(0);
    await rowOf(page, '<script>').click();
    expect(await page.locator('.panel .path').textContent()).toBe('/given/<script>alert(1)</script>');
  });

  test('shows of a name that is too long its folder, its start and its end', async () => {
    const { server, inspector } = await serve();
    inspector.add(`/given/${'long-'.repeat(40)}0001.segment`, PAGE);
    for (const width of [390, 900, 1440]) {
      const page = await chromium.open(server.url, { viewport: { width, height: 900 } });
      const name = page.locator('.row .name');
      await name.waitFor();
      const boxOf = async (part: string): Promise<{ x: number; width: number }> => (await name.locator(part).boundingBox()) as never;
      const [folder, head, tail, all] = await Promise.all([boxOf('.folder'), boxOf('.head'), boxOf('.tail'), name.boundingBox()]);
      for (const part of [folder, head, tail]) expect(part.width).toBeGreaterThan(20);
      expect(tail.x + tail.width).toBeLessThanOrEqual((all?.x ?? 0) + (all?.width ?? 0) + 1);
      expect(await name.locator('.tail').textContent()).toBe('0001.segment');
    }
  });

  test('keeps only the rows on the screen, of however many files', async () => {
    const { server, inspector } = await serve();
    for (let i = 0; i < 5000; i++) inspector.add(`/given/${String(i).padStart(4, '0')}`, PAGE);
    const page = await chromium.open(server.url);
    await rowOf(page, '0000').waitFor();
    expect(await page.locator('.row').count()).toBeLessThan(100);
    await rowOf(page, '0000').focus();
    await page.keyboard.press('End');
    await becomesPainted(rowOf(page, '4999').locator('canvas'));
    expect(await page.locator('.row').count()).toBeLessThan(100);
  });

  test('says that the connection is lost', async () => {
    const { server, inspector } = await serve();
    fill(inspector);
    const page = await chromium.open(server.url);
    await shows(page.locator('#status'), /^(Live|Last look)/);
    await server.close();
    await shows(page.locator('#status'), 'Not connected; trying again.');
    // The browser says itself that its request failed.
    await page.context().close();
    chromium.complaints.splice(
      0,
      Number.POSITIVE_INFINITY,
      ...chromium.complaints.filter((one) => !/ERR_(CONNECTION|INCOMPLETE|EMPTY)/.test(one)),
    );
  });

  test.each(['light', 'dark'] as const)('fits screens of every width, %s', async (colorScheme) => {
    const { server, inspector } = await serve();
    fill(inspector);
    const page = await chromium.open(server.url, { colorScheme });
    await rowOf(page, 'half').click();
    await shows(page.locator('.caption'), 'The whole file');
    for (const width of [320, 390, 640, 800, 1100, 1280, 1920]) {
      await page.setViewportSize({ width, height: 800 });
      await page.evaluate(nextFrame);
      expect({ width, across: await page.evaluate('document.documentElement.scrollWidth') }).toEqual({ width, across: width });
    }
  });
});
