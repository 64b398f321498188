import { constants } from 'node:os';
import fc from 'fast-check';
import { type Finding, worst } from '../../../src/cli/doctor/finding';
import { limits } from '../../../src/cli/doctor/limits';
import { memory } from '../../../src/cli/doctor/memory';
import { kernelQuestions } from '../../../src/cli/doctor/questions';
import { drawFinding, wrap } from '../../../src/cli/findings-table';
import type { Addon, KernelFacts } from '../../../src/native';
import { fakeSystem } from './fake-system';

const { EPERM, ENOSYS, EINVAL } = constants.errno;
const ALLOWED: KernelFacts = { mincore: 0, movePages: 0, populateRead: 0, cachestat: 0, pagemap: 0, pagemapScan: 0 };
const WINDOWS = { maxWindows: 32_765, windowStride: 2 ** 25 } as Addon;

describe('what the kernel answers', () => {
  const verdicts = (facts: Partial<KernelFacts>): Record<string, string> =>
    Object.fromEntries(Object.entries(kernelQuestions({ ...ALLOWED, ...facts })).map(([key, { verdict }]) => [key, verdict]));

  test('everything', () => {
    expect(new Set(Object.values(verdicts({})))).toEqual(new Set(['good']));
  });

  test.each(['mincore', 'movePages', 'populateRead', 'cachestat'] as const)('a refused %s is a limit, told with the errno', (key) => {
    const finding = kernelQuestions({ ...ALLOWED, [key]: EPERM })[key] as Finding;
    expect(finding).toMatchObject({ verdict: 'limited', value: 'refused (EPERM)', facts: { allowed: false, errno: EPERM } });
    expect(finding.advice).toMatch(/seccomp/);
    expect(Object.values(verdicts({ [key]: EPERM })).filter((verdict) => verdict !== 'good')).toHaveLength(1);
  });

  test('mincore and move_pages both refused are bad', () => {
    expect(verdicts({ mincore: EPERM, movePages: ENOSYS })).toMatchObject({ mincore: 'bad', movePages: 'bad', cachestat: 'good' });
  });

  test('what an older kernel lacks needs no seccomp profile', () => {
    expect(kernelQuestions({ ...ALLOWED, populateRead: EINVAL }).populateRead?.advice).toBe('Linux 5.14 and later have it');
    expect(kernelQuestions({ ...ALLOWED, pagemapScan: constants.errno.ENOTTY }).pagemap).toMatchObject({
      verdict: 'limited',
      facts: { allowed: false, pagemapReadable: true },
    });
  });
});

describe('limits', () => {
  const limitsRow = (soft: string, hard: string): string =>
    `Max locked memory         ${soft}              ${hard}              bytes     `;
  const status = (capabilities: string): string => `Name:\tnode\nCapEff:\t${capabilities}\nSeccomp:\t0`;
  const locked = (soft: string, hard: string, capabilities = '0000000000000000') =>
    limits(fakeSystem({ '/proc/self/limits': limitsRow(soft, hard), '/proc/self/status': status(capabilities) }), WINDOWS).lockedMemory;

  test('locked memory: by the limit, unless it is lifted', () => {
    expect(locked('8388608', '8388608')).toMatchObject({
      verdict: 'limited',
      value: 'at most 8.0 MiB',
      facts: { limitBytes: 8_388_608, hardLimitBytes: 8_388_608, unlimited: false, capIpcLock: false },
    });
    expect(locked('8388608', 'unlimited')).toMatchObject({ verdict: 'limited', advice: 'ulimit -l unlimited' });
    expect(locked('unlimited', 'unlimited')).toMatchObject({ verdict: 'good', facts: { unlimited: true, limitBytes: null } });
    expect(locked('65536', '65536', '0000000000004000')).toMatchObject({ verdict: 'good', facts: { unlimited: true, capIpcLock: true } });
  });

  test('mappings: a lowered limit is said with how to raise it', () => {
    const files = (max: string) => fakeSystem({ '/proc/sys/vm/max_map_count': max, '/proc/self/maps': 'a\nb\nc' });
    expect(limits(files('65530'), WINDOWS).mappings).toMatchObject({
      verdict: 'good',
      facts: { max: 65_530, used: 3, maxWindows: 32_765, windowBytes: 2 ** 25, maxMappedBytes: 32_765 * 2 ** 25 },
    });
    expect(limits(files('1000'), WINDOWS).mappings).toMatchObject({ verdict: 'limited', advice: 'sysctl vm.max_map_count=65530, or more' });
  });

  test('what cannot be read is null, not a number', () => {
    expect(limits(fakeSystem({}), WINDOWS)).toMatchObject({
      lockedMemory: { verdict: 'limited', facts: { limitBytes: null, unlimited: null, capIpcLock: null } },
      mappings: { facts: { max: null, used: null } },
    });
  });
});

describe('memory', () => {
  const swapOf = (total: number, free: number) =>
    memory(fakeSystem({ '/proc/meminfo': `MemTotal:  8 kB\nMemAvailable:  4 kB\nSwapTotal: ${total} kB\nSwapFree:  ${free} kB` })).swap;

  test('swap limits only when it is in use', () => {
    expect(swapOf(0, 0)).toMatchObject({ verdict: 'good', facts: { totalBytes: 0, usedBytes: 0 } });
    expect(swapOf(100, 100)).toMatchObject({ verdict: 'good', facts: { totalBytes: 102_400, usedBytes: 0 } });
    expect(swapOf(100, 40)).toMatchObject({ verdict: 'limited', facts: { totalBytes: 102_400, usedBytes: 61_440 } });
  });

  test('a memory limit is a limit, with how full it is', () => {
    const files = fakeSystem({
      '/proc/self/mountinfo': '30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw',
      '/proc/self/cgroup': '0::/',
      '/sys/fs/cgroup/memory.max': '1048576',
      '/sys/fs/cgroup/memory.current': '524288',
      '/sys/fs/cgroup/memory.stat': 'file 4096',
    });
    expect(memory(files).memoryLimit).toMatchObject({
      verdict: 'limited',
      value: '1.0 MiB, 50.0 % full',
      facts: { version: 2, limitBytes: 1_048_576, usedBytes: 524_288, fileBytes: 4096 },
    });
  });
});

test('the worst of verdicts', () => {
  const of = (...verdicts: Finding['verdict'][]) => worst(verdicts.map((verdict) => ({ verdict }) as Finding));
  expect([of(), of('good', 'good'), of('limited', 'good'), of('good', 'bad', 'limited')]).toEqual(['good', 'good', 'limited', 'bad']);
});

describe('the table', () => {
  const finding: Finding = {
    name: 'Thing',
    verdict: 'limited',
    value: 'a value',
    meaning:
      'What follows from it is said in a sentence that is long enough to need a second line, and then perhaps a third one, on any terminal.',
    advice: 'do something\u001b[31m',
    facts: {},
  };

  test.each([20, 80, 119, 120, 140, 400])(
    '%d columns: no line is longer, nothing is lost, nothing does anything to a terminal',
    (columns) => {
      const text = drawFinding(finding, { interactive: true, columns, colour: false, unicode: true });
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(Math.max(columns, 50));
      expect(text.startsWith('limited  Thing ')).toBe(true);
      expect(text.endsWith('\n')).toBe(true);
      expect(text.replace(/\s+/g, '')).toContain(finding.meaning.replace(/\s+/g, ''));
      expect(text.replace(/\s+/g, '')).toContain('→dosomething\\x1b[31m');
    },
  );

  test('wrapped text has all its words in order, in lines that fit', () => {
    const words = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'ä'), minLength: 1, maxLength: 30 }), { minLength: 1 });
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 40 }), (array, width) => {
        const lines = wrap(array.join(' '), width);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(' ', '')).toBe(array.join(''));
      }),
    );
  });
});
