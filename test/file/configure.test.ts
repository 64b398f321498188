import { configure, open } from '../../src/index';
import { expectThrown } from '../failures';
import { GiB, MiB, TestFiles } from '../files';

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
