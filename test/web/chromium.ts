import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { when } from '../when';
import { leaveFirst } from './serving';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Where a Chromium is: what CHROMIUM says, or else on the PATH. */
export function chromiumPath(): string | undefined {
  const { CHROMIUM, PATH = '' } = process.env;
  if (CHROMIUM !== undefined && CHROMIUM !== '') return CHROMIUM;
  const places = PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return places.find((place) => existsSync(place));
}

export const withChromium = when(
  chromiumPath() === undefined ? 'needs a Chromium: apt-get install chromium, or name one in CHROMIUM' : undefined,
);

/** A Chromium for the tests of one file, which ends with them; and what its pages complain of. */
export class Chromium {
  /** Errors and warnings on the console, exceptions, violations of the content security policy, and requests to anywhere else. */
  readonly complaints: string[] = [];
  #browser: Browser | undefined;

  constructor() {
    beforeAll(async () => {
      const executablePath = chromiumPath();
      if (executablePath === undefined) return;
      // Its sandbox cannot be had as root, nor in most containers; it gets to see this page alone.
      this.#browser = await chromium.launch({ executablePath, chromiumSandbox: false });
    });
    // Pages complain of servers that have ended.
    leaveFirst(async () => {
      await Promise.all((this.#browser?.contexts() ?? []).map((context) => context.close()));
    });
    afterEach(() => {
      const complaints = this.complaints.splice(0);
      expect(complaints).toEqual([]);
    });
    afterAll(() => this.#browser?.close());
  }

  /** Opens the page in a window of its own. Every colour that is painted with is in `window.painted`. */
  async open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await (this.#browser as Browser).newContext({ viewport: { width: 1280, height: 800 }, ...options });
    await context.addInitScript(recordPainting);
    const page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() !== 'debug') this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('dialog', (dialog) => {
      this.complaints.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(url)) this.complaints.push(`a request to ${request.url()}`);
    });
    // So that a failure says what was waited for.
    page.setDefaultTimeout(20_000);
    await page.goto(url);
    return page;
  }
}

/** Runs in the page. A flash lasts so short a time that looking at pixels may miss it; what was painted cannot be missed. */
function recordPainting(): void {
  const scope = globalThis as unknown as { painted: Set<string> } & Record<'CanvasRenderingContext2D', { prototype: object }>;
  scope.painted = new Set();
  const prototype = scope.CanvasRenderingContext2D.prototype as { fillStyle: unknown; fillRect(...place: number[]): void };
  const { fillRect } = prototype;
  prototype.fillRect = function (...place) {
    scope.painted.add(String(this.fillStyle));
    fillRect.apply(this, place);
  };
}
