import { configure, open } from '../../src/index';
import { expectThrown } from '../failures';
import { GiB, MiB, pattern, TestFiles } from '../files';
import { slowFolderLacks, startSlowFolder } from '../rigs/slow-folder';
import { when } from '../when';

const files = TestFiles.make();
const DEFAULTS = { maxThreads: 64, maxBytesInFlight: 256 * MiB };

afterEach(() => configure(DEFAULTS));

test.each([
  { maxThreads: 1, maxBytesInFlight: 16 * MiB },
  { maxThreads: 1, maxBytesInFlight: 256 * MiB },
  { maxThreads: 2, maxBytesInFlight: 16 * MiB },
  { maxThreads: 200, maxBytesInFlight: GiB },
])('everything arrives with %p', async (options) => {
  configure(options);
  const file = await open(files.sparse('hole', 4 * GiB));
  const pages = Array.from({ length: 500 }, (_, i) => i * 2011);
  const large = { first: 8, count: (16 * MiB) / file.pageSize };
  await Promise.all([
    file.getPages(pages).arrived,
    file.getPages([large, ...pages]).arrived,
    file.getPages([large], { priority: 'scan' }).arrived,
  ]);
  expect(file.stats()).toMatchObject({ inFlight: 0, errors: 0 });
  await file.close();
});

test('one option leaves the other as it is, and none is fine', async () => {
  configure({ maxThreads: 3 });
  configure({ maxBytesInFlight: 32 * MiB });
  configure({});
  const file = await open(files.sparse('another hole', GiB));
  await file.getPages([1, 100_000, 200_000]).arrived;
  await file.close();
});

test('changing the numbers while pages are on their way loses none', async () => {
  const file = await open(files.sparse('third hole', 4 * GiB));
  const sets = [];
  for (let i = 0; i < 20; i++) {
    sets.push(file.getPages(Array.from({ length: 200 }, (_, k) => (k * 5003 + i * 17) % file.pageCount)).arrived);
    configure({ maxThreads: 1 + (i % 5) * 8, maxBytesInFlight: (16 + i) * MiB });
  }
  expect(await Promise.all(sets)).toHaveLength(20);
  await file.close();
});

when(slowFolderLacks()).test('no more bytes are under way than were allowed, however many are asked for', async () => {
  const rig = await startSlowFolder({ maxBackground: 1000 });
  try {
    // Several files, since one alone keeps only a few reads ahead at a server.
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const run = { bytes: 128 * 1024, pages: 32 };
    // A page lies between them, so that none is joined with its neighbour.
    const vector = Array.from({ length: 30 }, (_, i) => ({ first: i * (run.pages + 1), count: run.pages }));
    const content = pattern(4 * MiB);
    /** Bytes that the server is asked for at once, when it answers nothing. */
    const underWay = async (maxBytesInFlight: number): Promise<number> => {
      configure({ maxBytesInFlight });
      const opened = await Promise.all(names.map(async (name) => open(await rig.write(name, content))));
      for (const name of names) await rig.hang(name);
      await rig.forgetReads();
      const sets = opened.map((file) => file.getPages(vector).arrived);
      const asked = async (): Promise<number> => (await rig.log()).reduce((sum, { length }) => sum + length, 0);
      let [before, bytes] = [-1, 0];
      // Until no more come. A pause that is too short misses an excess, and fails nothing.
      for (; bytes === 0 || bytes !== before; bytes = await asked()) {
        before = bytes;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      await rig.release();
      await Promise.all(sets);
      expect(await asked()).toBe(names.length * vector.length * run.bytes);
      await Promise.all(opened.map((file) => file.close()));
      return bytes;
    };
    expect(await underWay(MiB)).toBeLessThanOrEqual(MiB);
    expect(await underWay(2 * MiB)).toBeLessThanOrEqual(2 * MiB);
    // It is this bound that held, and no other.
    expect(await underWay(256 * MiB)).toBeGreaterThan(2 * MiB);
  } finally {
    await rig.stop();
  }
});

const WRONG: readonly [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 5],
  ['a string', 'fast'],
  ...['maxThreads', 'maxBytesInFlight'].flatMap((name): [string, unknown][] => [
    [`${name}: 0`, { [name]: 0 }],
    [`${name}: -1`, { [name]: -1 }],
    [`${name}: 1.5`, { [name]: 1.5 }],
    [`${name}: NaN`, { [name]: Number.NaN }],
    [`${name}: Infinity`, { [name]: Number.POSITIVE_INFINITY }],
    [`${name}: '8'`, { [name]: '8' }],
    [`${name}: 8n`, { [name]: 8n }],
    [`${name}: null`, { [name]: null }],
    [`${name}: 2^53`, { [name]: 2 ** 53 }],
  ]),
];

test.each(WRONG)('%s is refused', (_, options) => {
  expectThrown('INVALID_ARGUMENT', () => configure(options as Parameters<typeof configure>[0]), /came/);
});
