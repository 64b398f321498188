import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { builtPackage } from '../built-package';
import { programPath } from '../child';
import { pattern } from '../files';
import { finished } from '../rigs/children';
import { start } from '../rigs/launch';
import { type SlowFolder, slowFolderLacks, startSlowFolder } from '../rigs/slow-folder';
import { when } from '../when';

const PAGE = 4096;
const PAGES = 256;
const [EIO, ENOTCONN] = [5, 107];
const content = pattern(PAGES * PAGE);
const hashOf = (page: number): string =>
  createHash('sha256')
    .update(content.subarray(page * PAGE, (page + 1) * PAGE))
    .digest('hex');
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** A process that reads a file in one of its threads, as it is told. */
class Reader {
  readonly #input: Writable;
  readonly #lines: AsyncIterator<string>;
  readonly #end: ReturnType<typeof finished>;

  private constructor(path: string, where: string) {
    const child = start(process.execPath, [programPath('reading-in-a-thread.cjs'), builtPackage(), path, where], {}, { stdio: 'pipe' });
    this.#end = finished(child);
    this.#input = child.stdin as Writable;
    // A program that has died is seen by how it ended.
    this.#input.on('error', () => {});
    this.#lines = createInterface(child.stdout as Readable)[Symbol.asyncIterator]();
  }

  static async start(path: string, where: string): Promise<Reader> {
    const reader = new Reader(path, where);
    expect(await reader.answer()).toEqual({ ready: true });
    return reader;
  }

  say(line: string): void {
    this.#input.write(`${line}\n`);
  }

  async answer(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    return done ? await this.#end : JSON.parse(value);
  }

  ask(line: string): Promise<unknown> {
    this.say(line);
    return this.answer();
  }

  async close(): Promise<void> {
    expect(await this.ask('close')).toEqual({ closed: true, left: 0 });
    expect(await this.#end).toMatchObject({ code: 0, signal: null, stderr: '' });
  }
}

when(slowFolderLacks()).describe('storage that fails while something is fetched or has been', () => {
  describe.each(['main', 'worker'])('in the %s thread', (where) => {
    let rig: SlowFolder;
    let reader: Reader;
    beforeEach(async () => {
      rig = await startSlowFolder();
      reader = await Reader.start(await rig.write('file', content), where);
    });
    afterEach(() => rig.stop());

    test('a page that cannot be read fails with its errno and place, and its neighbours arrive', async () => {
      await rig.fail('file', { offset: 21 * PAGE, length: PAGE });
      expect(await reader.ask('fetch 20 21 22')).toEqual({ code: 'IO', errno: EIO, offset: 21 * PAGE });
      expect(await reader.ask('fetch 20 22')).toEqual({ arrived: 2 });
      await rig.heal();
      expect(await reader.ask('fetch 21')).toEqual({ arrived: 1 });
      await reader.close();
    });

    test('a failure that comes while the read hangs is told', async () => {
      await rig.hang('file', { offset: 40 * PAGE, length: PAGE });
      reader.say('fetch 40');
      await rig.untilHung();
      // What hangs is answered by what has been ordered since, or is asked for again.
      await rig.fail('file', { offset: 40 * PAGE, length: PAGE });
      const [answer] = await Promise.all([reader.answer(), rig.release()]);
      expect([{ arrived: 1 }, { code: 'IO', errno: EIO, offset: 40 * PAGE }]).toContainEqual(answer);
      await reader.close();
    });

    test('what is revoked while it is fetched arrives all the same', async () => {
      await rig.delay(2);
      for (let round = 0; round < 5; round++) {
        reader.say(`fetch ${numbers(PAGES).join(' ')}`);
        const arrived = reader.answer();
        for (let i = 0; i < 5; i++) await rig.revoke('file');
        expect(await arrived).toEqual({ arrived: PAGES });
      }
      expect(await reader.ask('view 77')).toEqual({ view: 77 });
      await reader.close();
    });

    test('what is revoked under a view, and cannot be read again, is zeros, and the next call tells', async () => {
      await reader.ask('view 3');
      await rig.fail('file', { offset: 3 * PAGE, length: PAGE });
      await rig.revoke('file');
      expect(await reader.ask('touch 3')).toEqual({
        zeros: true,
        hash: expect.any(String),
        told: expect.objectContaining({ code: 'IO', offset: 3 * PAGE }),
      });
      await reader.close();
    });

    test('a server that dies under views and a fetch ends neither the process nor what is in memory', async () => {
      await reader.ask('view 3');
      await rig.revoke('file');
      await reader.ask('view 4');
      await rig.hang('file', { offset: 200 * PAGE, length: PAGE });
      reader.say('fetch 200');
      await rig.untilHung();
      await rig.kill();
      expect(await reader.answer()).toMatchObject({ code: 'IO', offset: 200 * PAGE });
      // This one is in memory, unless the machine took it; the other has been taken back.
      const stayed = (await reader.ask('touch 4')) as { zeros: boolean; hash: string; told?: unknown };
      if (stayed.zeros) expect(stayed.told).toMatchObject({ code: 'IO', offset: 4 * PAGE });
      else expect(stayed).toEqual({ zeros: false, hash: hashOf(4) });
      expect(await reader.ask('touch 3')).toEqual({
        zeros: true,
        hash: expect.any(String),
        told: expect.objectContaining({ code: 'IO', offset: 3 * PAGE }),
      });
      expect(await reader.ask('fetch 100')).toEqual({ code: 'IO', errno: ENOTCONN, offset: 100 * PAGE });
      await reader.close();
    });
  });
});
