import { CountingLine } from '../../src/cli/counting-line';
import type { Output } from '../../src/cli/output';
import { TestFiles } from '../files';
import { hasTool } from '../rigs/system';
import { finish, PROGRAM } from './run-cli';

const files = TestFiles.make();
const ESCAPE = String.fromCharCode(27);
const scripted = hasTool('script') ? test : test.skip;

/** What a person would see of a command, with all that was drawn over. */
async function onTerminal(...args: string[]): Promise<{ code: number | null; stdout: string }> {
  const command = [process.execPath, PROGRAM, ...args].map((word) => `'${word}'`).join(' ');
  return finish('script', ['-qec', `stty cols 80; ${command}`, '/dev/null']);
}

/** Escape sequences that change how a terminal behaves from then on. */
const modesSet = (text: string): string[] =>
  text
    .split(`${ESCAPE}[?`)
    .slice(1)
    .map((rest) => rest.slice(0, 3));

scripted('warm shows a bar with the rate and the time left, and leaves the terminal as it was', async () => {
  const path = files.patterned('warmed', 2 ** 20);
  await onTerminal('evict', path);
  const { code, stdout } = await onTerminal('warm', '--rate', '400K', path);
  expect(code).toBe(0);
  expect(stdout).toMatch(/[█░]+ +\d+ % {2}[\d.]+ KiB of 1\.0 MiB {2}[\d.]+ KiB\/s {2}\d+ s left {2}0 files/);
  expect(modesSet(stdout)).toEqual([]);
  expect(stdout.trimEnd().split('\n').at(-1)).toContain('brought in');
});

test('what is looked at for long is counted on a line that goes away again', () => {
  const lines: string[] = [];
  // It begins by the same clock.
  const clock = jest.spyOn(performance, 'now').mockReturnValue(performance.now());
  const line = new CountingLine({ narration: { interactive: true }, replaceLine: (text: string) => lines.push(text) } as unknown as Output);
  const totals = { files: 1000, failed: 24, size: 0, residentBytes: 2 ** 20, unknownBytes: 0 };
  const after = (ms: number): void => void clock.mockReturnValue(performance.now() + ms);
  try {
    line.update(totals);
    line.end();
    expect(lines).toEqual([]);
    after(2000);
    line.update(totals);
    after(10);
    line.update(totals);
    line.end();
    line.end();
    expect(lines).toEqual(['1024 files looked at, 512 a second; 1.0 MiB in memory', '']);
  } finally {
    clock.mockRestore();
  }
});
