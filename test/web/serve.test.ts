import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, renameSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import type { FileFigures, FileRow, State } from '../../src/web/events';
import { nofault, PROGRAM } from '../cli/run-cli';
import { TestFiles } from '../files';
import { ask, Browser } from './serving';

const files = TestFiles.make();
const PAGE = 4096;

/** `nofault serve`, as it is built, on any port. */
class Served {
  readonly #child: ChildProcess;
  stderr = '';
  port = 0;

  static async start(...paths: readonly string[]): Promise<Served> {
    const served = new Served(paths);
    const [line] = (await once(served.#child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    served.port = (JSON.parse(line.toString()) as { port: number }).port;
    return served;
  }

  private constructor(paths: readonly string[]) {
    this.#child = spawn(process.execPath, [PROGRAM, 'serve', '--port', '0', '--interval', '100', '--json', ...paths], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stderr?.on('data', (text: Buffer) => {
      this.stderr += text.toString();
    });
    running.push(this);
  }

  async end(signal: NodeJS.Signals): Promise<[code: number | null, signal: string | null]> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return [this.#child.exitCode, this.#child.signalCode];
    const ended = once(this.#child, 'exit') as Promise<[number | null, string | null]>;
    this.#child.kill(signal);
    return ended;
  }

  browser(): Promise<Browser> {
    return Browser.connect(this);
  }
}

const running: Served[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((served) => served.end('SIGKILL')));
});

/** The next figures of this file for which this holds. */
async function figuresOf(browser: Browser, { id }: FileRow, holds: (figures: FileFigures) => boolean): Promise<FileFigures> {
  for (;;) {
    const { changed } = await browser.next('round');
    const figures = changed.find((one) => one.id === id);
    if (figures !== undefined && holds(figures)) return figures;
  }
}

const rowOf = ({ files: rows }: State, name: string): FileRow => rows.find((row) => row.name.endsWith(`/${name}`)) as FileRow;

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it well, though somebody watches', async (signal) => {
  const served = await Served.start(files.write('watched', 'x'));
  const browser = await served.browser();
  await browser.next('state');
  expect(await served.end(signal)).toEqual([0, null]);
  await browser.end();
  expect(served.stderr).toBe('');
});

test('files that grow, shrink, vanish or are replaced are told as they are', async () => {
  const folder = files.path('changing');
  mkdirSync(folder);
  for (const name of ['grows', 'shrinks', 'vanishes', 'replaced']) writeFileSync(`${folder}/${name}`, Buffer.alloc(8 * PAGE));
  const served = await Served.start(folder);
  const browser = await served.browser();
  const state = await browser.next('state');
  expect(state.totals).toMatchObject({ files: 4, failed: 0, size: 32 * PAGE });

  truncateSync(`${folder}/grows`, 9 * PAGE);
  await figuresOf(browser, rowOf(state, 'grows'), ({ size }) => size === 9 * PAGE);
  truncateSync(`${folder}/shrinks`, 5);
  await figuresOf(browser, rowOf(state, 'shrinks'), ({ size }) => size === 5);
  writeFileSync(`${folder}/new`, Buffer.alloc(3 * PAGE));
  renameSync(`${folder}/new`, `${folder}/replaced`);
  await figuresOf(browser, rowOf(state, 'replaced'), ({ size }) => size === 3 * PAGE);
  unlinkSync(`${folder}/vanishes`);
  const { error } = await figuresOf(browser, rowOf(state, 'vanishes'), (figures) => figures.error !== undefined);
  expect(error).toMatch(/no such file or directory/i);
  // The others go on, and a close look at each says what is so.
  truncateSync(`${folder}/grows`, 10 * PAGE);
  await figuresOf(browser, rowOf(state, 'grows'), ({ size }) => size === 10 * PAGE);
  await ask(served, `/view?stream=${state.stream}&zoom=${rowOf(state, 'vanishes').id}:0:${PAGE}:8`);
  expect((await browser.next('zoom')).error).toMatch(/no such file or directory/i);
});

test('links below a folder are not followed, and what is no regular file is never opened', async () => {
  const folder = files.path('odd');
  mkdirSync(folder);
  files.write('outside', 'secret');
  symlinkSync(files.path('outside'), `${folder}/link`);
  symlinkSync('/proc', `${folder}/proc`);
  writeFileSync(`${folder}/plain`, 'x');
  const served = await Served.start(folder, '/dev/zero', files.path('nowhere'));
  const state = await (await served.browser()).next('state');
  const named = state.files.filter(({ error }) => error === undefined).map(({ name }) => name);
  expect(named).toEqual([`${folder}/plain`]);
  expect(state.files.filter(({ error }) => error !== undefined).map(({ name }) => name)).toEqual(
    expect.arrayContaining(['/dev/zero', files.path('nowhere')]),
  );
});

test('names are text on one line, whatever they hold', async () => {
  const folder = files.path('names');
  mkdirSync(folder);
  const names = ['<img src=x onerror=alert(1)>', 'two\nlines', 'esc\u001b[31mred', 'right\u202eleft', 'bell\u0007'];
  for (const name of names) writeFileSync(`${folder}/${name}`, 'x');
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/bytes`), Buffer.of(0xff)]), 'x');
  const served = await Served.start(folder);
  const state = await (await served.browser()).next('state');
  expect(state.files.map(({ name }) => name.slice(folder.length + 1)).sort()).toEqual(
    ['<img src=x onerror=alert(1)>', 'two\\nlines', 'esc\\x1b[31mred', 'right\\u{202e}left', 'bell\\x07', 'bytes\\xff'].sort(),
  );
});

test('says what is wrong with what it is told', async () => {
  expect(await nofault(['serve'])).toMatchObject({ code: 2, stdout: '' });
  for (const options of [
    ['--port', '65536'],
    ['--port', 'x'],
    ['--interval', '1'],
    ['--interval', '-5'],
  ]) {
    const { code, stderr } = await nofault(['serve', ...options, '/tmp']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('must be a whole number from') as string });
  }
  const first = await Served.start(files.path(''));
  const { code, stderr, stdout } = await nofault(['serve', '--port', String(first.port), '/tmp']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('another program has it');
});
