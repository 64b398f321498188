import { type MappedFile, open } from '../../src/index';
import { expectThrown } from '../failures';
import { TestFiles } from '../files';

const files = TestFiles.make();
const PAGES = 6;
const SIZE = (PAGES - 1) * 4096 + 100;
let file: MappedFile;

beforeAll(async () => {
  file = await open(files.patterned('file', SIZE));
});
afterAll(() => file.close());

/** What is no integer, whatever it is asked as. */
const NO_INTEGERS: readonly [string, unknown][] = [
  ['a fraction', 1.5],
  ['a tiny fraction', Number.MIN_VALUE],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['a BigInt', 1n],
  ['a string', '1'],
  ['null', null],
  ['undefined', undefined],
  ['a boolean', true],
  ['an object', {}],
  ['an array', [1]],
  ['a symbol', Symbol('page')],
  ['a function', () => 1],
];

/** Integers that lie in no file of this size, whether as page or as byte. */
const OUTSIDE: readonly [string, number][] = [
  ['-1', -1],
  ['the size', SIZE + 1],
  ['2^31', 2 ** 31],
  ['2^32', 2 ** 32],
  ['2^32 + 1, which would be 1 in 32 bits', 2 ** 32 + 1],
  ['-2^32 + 1, which would be 1 in 32 bits', -(2 ** 32) + 1],
  ['2^52', 2 ** 52],
  ['the largest safe integer', Number.MAX_SAFE_INTEGER],
  ['2^53', 2 ** 53],
  ['2^64', 2 ** 64],
  ['2^64 + 4096', 2 ** 64 + 4096],
  ['1e300', 1e300],
  ['-1e300', -1e300],
];

/** Casts what TypeScript would refuse, as programs in JavaScript may pass it. */
const as = <T>(value: unknown): T => value as T;

describe.each(NO_INTEGERS)('%s', (_, value) => {
  test('is no page', () => {
    expectThrown('INVALID_ARGUMENT', () => file.tryPage(as(value)), /page.*number.*came/i);
  });

  test('is no entry of a vector of pages', () => {
    expectThrown('INVALID_ARGUMENT', () => file.getPages(as([0, value])), /came/);
    expectThrown('INVALID_ARGUMENT', () => file.prefetch(as([0, value])), /came/);
  });

  test('is no first or count of a run', () => {
    expectThrown('INVALID_ARGUMENT', () => file.getPages(as([{ first: value, count: 1 }])), /first.*came/i);
    expectThrown('INVALID_ARGUMENT', () => file.getPages(as([{ first: 0, count: value }])), /count.*came/i);
    expectThrown('INVALID_ARGUMENT', () => file.prefetch(as([{ first: 0, count: value }])), /count.*came/i);
  });

  test('is no offset or length of a range', () => {
    expectThrown('INVALID_ARGUMENT', () => file.tryRange(as(value), 1), /offset.*came/i);
    expectThrown('INVALID_ARGUMENT', () => file.tryRange(0, as(value)), /length.*came/i);
    expectThrown('INVALID_ARGUMENT', () => file.getRanges(as([{ offset: value, length: 1 }])), /offset.*came/i);
    expectThrown('INVALID_ARGUMENT', () => file.getRanges(as([{ offset: 0, length: value }])), /length.*came/i);
    if (value !== undefined) {
      expectThrown('INVALID_ARGUMENT', () => file.residency(as({ offset: value, length: 1 })), /offset.*came/i);
      expectThrown('INVALID_ARGUMENT', () => file.residency(as({ offset: 0, length: value })), /length.*came/i);
    }
  });

  test('is no position of a read', () => {
    const into = [Buffer.alloc(1)];
    expectThrown('INVALID_ARGUMENT', () => file.tryRead(into, as([value])), /position.*came/i);
    expectThrown('INVALID_ARGUMENT', () => file.read(into, as([value])), /position.*came/i);
  });
});

describe.each(OUTSIDE)('%s', (_, value) => {
  test('is a page out of range', () => {
    const error = expectThrown('OUT_OF_RANGE', () => file.tryPage(value));
    expect(error.message).toContain(String(value));
    expectThrown('OUT_OF_RANGE', () => file.getPages([0, value]));
    expectThrown('OUT_OF_RANGE', () => file.getPages([{ first: value, count: 1 }]));
    expectThrown('OUT_OF_RANGE', () => file.getPages(Float64Array.of(value)));
    expectThrown('OUT_OF_RANGE', () => file.prefetch([value]));
  });

  test('is an offset out of range', () => {
    expectThrown('OUT_OF_RANGE', () => file.tryRange(value, 1));
    expectThrown('OUT_OF_RANGE', () => file.tryRange(value, 0));
    expectThrown('OUT_OF_RANGE', () => file.getRanges([{ offset: value, length: 1 }]));
    expectThrown('OUT_OF_RANGE', () => file.residency({ offset: value, length: 1 }));
    expectThrown('OUT_OF_RANGE', () => file.tryRead([Buffer.alloc(1)], [value]));
    expectThrown('OUT_OF_RANGE', () => file.read([Buffer.alloc(1)], [value]));
  });
});

describe('lengths', () => {
  test.each([PAGES, 7, 1000, 2 ** 32 + 1])('a run of %i pages from page 1 on leaves the file', (count) => {
    expectThrown('OUT_OF_RANGE', () => file.getPages([{ first: 1, count }]));
    expectThrown('OUT_OF_RANGE', () => file.prefetch([{ first: 1, count }]));
  });

  test.each([SIZE, SIZE + 1, 2 ** 32 + 1])('%i bytes from offset 1 on leave the file', (length) => {
    expectThrown('OUT_OF_RANGE', () => file.tryRange(1, length));
    expectThrown('OUT_OF_RANGE', () => file.getRanges([{ offset: 1, length }]));
    expectThrown('OUT_OF_RANGE', () => file.residency({ offset: 1, length }));
  });

  test('a run has at least one page', () => {
    expectThrown('INVALID_ARGUMENT', () => file.getPages([{ first: 0, count: 0 }]), /count.*at least 1|count.*positive/i);
    expectThrown('INVALID_ARGUMENT', () => file.getPages([{ first: 0, count: -1 }]), /count/i);
    expectThrown('INVALID_ARGUMENT', () => file.prefetch([{ first: 0, count: 0 }]), /count/i);
  });

  test('a range has no negative length', () => {
    expectThrown('INVALID_ARGUMENT', () => file.tryRange(0, -1), /length/i);
    expectThrown('INVALID_ARGUMENT', () => file.getRanges([{ offset: 10, length: -5 }]), /length/i);
  });

  test('a range may be empty up to the end of the file, and no further', async () => {
    expect(file.tryRange(SIZE, 0)).toHaveLength(0);
    const set = file.getRanges([{ offset: SIZE, length: 0 }]);
    await set.arrived;
    expect(set.bytes(0)).toHaveLength(0);
    expectThrown('OUT_OF_RANGE', () => file.tryRange(SIZE + 1, 0));
  });

  test('a read may not leave the file, not even by a byte', () => {
    expectThrown('OUT_OF_RANGE', () => file.tryRead([Buffer.alloc(2)], [SIZE - 1]));
    expectThrown('OUT_OF_RANGE', () => file.read([Buffer.alloc(1), Buffer.alloc(SIZE)], [0, 1]));
  });

  test('the page behind the last is out of range, though the last is not full', () => {
    expectThrown('OUT_OF_RANGE', () => file.tryPage(PAGES));
    expectThrown('OUT_OF_RANGE', () => file.getPages([PAGES]));
    expectThrown('OUT_OF_RANGE', () => file.getPages(Uint32Array.of(0, PAGES)));
  });

  test('-0 is page 0', () => {
    const set = file.getPages([-0]);
    expect(set.length).toBe(1);
  });
});

describe('vectors', () => {
  const NO_VECTORS: readonly [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['a number', 3],
    ['a string', '123'],
    ['a BigInt', 3n],
    ['a run by itself', { first: 0, count: 1 }],
    ['a function', () => [1]],
    ['an object without entries', {}],
    ['an array-like object', { length: 1, 0: 0 }],
    ['an async iterable', { async *[Symbol.asyncIterator]() {} }],
    ['an object whose iterator is none', { [Symbol.iterator]: 5 }],
    ['bytes in a bare buffer', new ArrayBuffer(8)],
  ];

  test.each(NO_VECTORS)('%s is no vector', (_, vector) => {
    expectThrown('INVALID_ARGUMENT', () => file.getPages(as(vector)), /vector.*came/i);
    expectThrown('INVALID_ARGUMENT', () => file.getRanges(as(vector)), /vector.*came/i);
    expectThrown('INVALID_ARGUMENT', () => file.prefetch(as(vector)), /vector.*came/i);
  });

  test('pages are no ranges, and ranges no pages', () => {
    expectThrown('INVALID_ARGUMENT', () => file.getRanges(as([1])));
    expectThrown('INVALID_ARGUMENT', () => file.getRanges(as([{ first: 0, count: 1 }])));
    expectThrown('INVALID_ARGUMENT', () => file.getPages(as([{ offset: 0, length: 1 }])));
    expectThrown('INVALID_ARGUMENT', () => file.getPages(as(BigUint64Array.of(1n))));
  });

  test('the message says which entry is wrong', () => {
    expectThrown('INVALID_ARGUMENT', () => file.getPages(as([0, 1, 2, 'three'])), /3.*"three"/s);
  });

  test('what a vector throws while it is read is thrown to the caller', () => {
    const failure = new Error('no more pages today');
    const throwing = {
      *[Symbol.iterator](): Generator<number> {
        yield 0;
        throw failure;
      },
    };
    expect(() => file.getPages(throwing)).toThrow(failure);
    expect(() => file.prefetch(throwing)).toThrow(failure);
    const trap = {
      get first(): number {
        throw failure;
      },
      count: 1,
    };
    expect(() => file.getPages([trap])).toThrow(failure);
    // The file is none the worse for it.
    expect(file.getPages([0]).length).toBe(1);
  });

  test('a generator is told to stop when one of its entries is wrong', () => {
    let ended = false;
    const generator = (function* () {
      try {
        yield 0;
        yield PAGES;
        yield 1;
      } finally {
        ended = true;
      }
    })();
    expectThrown('OUT_OF_RANGE', () => file.getPages(generator));
    expect(ended).toBe(true);
  });

  test('a wrong entry anywhere means that nothing of the vector is asked for', () => {
    const before = file.stats();
    expectThrown('OUT_OF_RANGE', () => file.getPages([0, 1, 2, PAGES]));
    expect(file.stats()).toEqual(before);
  });
});

describe('what is read into', () => {
  const NO_VIEWS: readonly [string, unknown][] = [
    ['a bare buffer', new ArrayBuffer(4)],
    ['an array of numbers', [1, 2]],
    ['a string', 'into'],
    ['null', null],
    ['undefined', undefined],
  ];

  test.each(NO_VIEWS)('%s is no view', (_, view) => {
    expectThrown('INVALID_ARGUMENT', () => file.tryRead(as([view]), [0]), /came/);
    expectThrown('INVALID_ARGUMENT', () => file.read(as([view]), [0]), /came/);
  });

  test('a view by itself is no list of views', () => {
    expectThrown('INVALID_ARGUMENT', () => file.tryRead(as(Buffer.alloc(1)), [0]), /came/);
    expectThrown('INVALID_ARGUMENT', () => file.read(as(undefined), [0]), /came/);
    expectThrown('INVALID_ARGUMENT', () => file.tryRead([Buffer.alloc(1)], as(0)), /came/);
    expectThrown('INVALID_ARGUMENT', () => file.read([Buffer.alloc(1)], as(undefined)), /came/);
  });

  test('there are as many positions as views', () => {
    expectThrown('INVALID_ARGUMENT', () => file.tryRead([Buffer.alloc(1)], []), /position/i);
    expectThrown('INVALID_ARGUMENT', () => file.read([Buffer.alloc(1)], [0, 1]), /position/i);
  });
});

describe('options', () => {
  const NO_OPTIONS: readonly [string, unknown][] = [
    ['null', null],
    ['a string', 'scan'],
    ['a number', 1],
    ['an unknown priority', { priority: 'urgent' }],
    ['a priority of the wrong type', { priority: 1 }],
    ['no priority at all', { priority: null }],
    ['a signal that is none', { signal: {} }],
    ['a controller in place of its signal', { signal: new AbortController() }],
    ['no signal at all', { signal: null }],
  ];

  test.each(NO_OPTIONS)('%s are refused', (_, options) => {
    expectThrown('INVALID_ARGUMENT', () => file.getPages([0], as(options)), /came/);
    expectThrown('INVALID_ARGUMENT', () => file.getRanges([], as(options)), /came/);
    expectThrown('INVALID_ARGUMENT', () => file.read([], [], as(options)), /came/);
  });

  test('options that are undefined are the defaults', async () => {
    await file.getPages([0], undefined).arrived;
    await file.getPages([0], as({ priority: undefined, signal: undefined })).arrived;
    expect(await file.read([], [], undefined)).toBe(0);
  });

  test('a residency range is an object', () => {
    expectThrown('INVALID_ARGUMENT', () => file.residency(as(5)), /came/);
    expectThrown('INVALID_ARGUMENT', () => file.residency(as(null)), /came/);
    expectThrown('INVALID_ARGUMENT', () => file.residency(as('all')), /came/);
  });
});

describe('open', () => {
  const NO_PATHS: readonly [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['a descriptor by its number', 3],
    ['an object', {}],
    ['an array', ['/etc/hostname']],
    ['a path with a zero byte', '/etc/hostname\0.txt'],
    ['bytes with a zero byte', Buffer.from('/etc/hostname\0.txt')],
    ['a URL that names no file', new URL('https://example.org/etc/hostname')],
    ['a URL with an escaped zero byte', new URL('file:///etc/hostname%00.txt')],
  ];

  test.each(NO_PATHS)('%s is refused', (_, path) => {
    expectThrown('INVALID_ARGUMENT', () => open(as(path)), /came/);
  });

  const NO_OPTIONS: readonly [string, unknown][] = [
    ['null', null],
    ['a string', 'r'],
    ['an unknown trust', { trust: 'always' }],
    ['a trust of the wrong type', { trust: true }],
    ['a signal that is none', { signal: 'stop' }],
  ];

  test.each(NO_OPTIONS)('%s is refused as options', (_, options) => {
    expectThrown('INVALID_ARGUMENT', () => open(files.path('file'), as(options)), /came/);
  });
});

describe('the entries of a set', () => {
  test.each([-1, 2, 2 ** 32, 2 ** 53])('%i is no entry of a set of two', (entry) => {
    const set = file.getPages([0, 1]);
    expectThrown('OUT_OF_RANGE', () => set.isHit(entry));
    expectThrown('OUT_OF_RANGE', () => set.bytes(entry));
  });

  test.each([0.5, Number.NaN, '0', 0n, null, undefined])('%p is no entry number', (entry) => {
    const set = file.getPages([0, 1]);
    for (const call of [() => set.isHit(as(entry)), () => set.bytes(as(entry))]) {
      expect(call).toThrow(expect.objectContaining({ code: expect.stringMatching(/^(INVALID_ARGUMENT|OUT_OF_RANGE)$/) }));
    }
  });
});
