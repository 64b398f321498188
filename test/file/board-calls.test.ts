import { open } from '../../src/index';
import { addon } from '../../src/native';
import { pattern, TestFiles } from '../files';
import { untilAnswered } from '../reading';

const files = TestFiles.make();
const PAGE = 4096;
const PAGES = Array.from({ length: 64 }, (_, i) => i);

/** Calls that have left JavaScript, by name. */
let calls: string[] = [];

type Callable = (...words: unknown[]) => unknown;

/** The same object, every call of whose methods is noted. */
function noting<T extends object>(object: T): T {
  return new Proxy(object, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...words: unknown[]) => {
        calls.push(String(name));
        return (value as Callable).apply(target, words);
      };
    },
  });
}

const native = addon();
const functions = native as unknown as Record<string, Callable>;
const unnoted = { ...functions };

beforeAll(() => {
  for (const [name, value] of Object.entries(functions)) {
    if (typeof value !== 'function' || /^[A-Z]/.test(name)) continue;
    functions[name] = (...words) => {
      calls.push(name);
      const result = value.apply(native, words);
      return name === 'open' ? (result as Promise<object>).then(noting) : result;
    };
  }
});

// The other tests of this process have the same addon.
afterAll(() => {
  Object.assign(functions, unnoted);
});

test('questions about pages on the board call nothing of the addon, and those that the board does not answer do', async () => {
  const content = pattern(PAGES.length * PAGE);
  const file = await open(files.write('known', content));
  const vector = Uint32Array.from(PAGES);
  const questions: readonly (() => unknown)[] = [
    () => PAGES.every((page) => file.tryPage(page) !== undefined),
    () => file.tryRange(5000, 100_000) !== undefined,
    () => file.getPages(vector).misses === 0,
    () => file.getPages([3, 1, 60]).bytes(2).length === PAGE,
  ];
  for (const question of questions) {
    const made = await untilAnswered(
      () => {
        // The first asks the kernel about what has left the board meanwhile; a page may leave between the two, and then it is tried again.
        if (!question()) return undefined;
        const before = file.stats();
        calls = [];
        const answered = question();
        const during = [...calls];
        const after = file.stats();
        return answered && after.kernelHits === before.kernelHits && after.misses === before.misses ? during : undefined;
      },
      () => file.getPages(PAGES).arrived,
    );
    expect(made).toEqual([]);
  }
  await file.close();

  const never = await open(files.path('known'), { trust: 'never' });
  await untilAnswered(
    () => never.tryPage(3),
    () => never.getPages([3]).arrived,
  );
  calls = [];
  never.tryPage(3);
  expect(calls).toContain('hit');
  await never.close();
});
