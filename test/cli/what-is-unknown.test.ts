import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MiB, pattern, TestFiles } from '../files';
import { type ChildResult, finished } from '../rigs/children';
import { type Circumstances, otherUserLacks, run, start } from '../rigs/launch';
import { mountOverlay } from '../rigs/overlay';
import { mountingLacks } from '../rigs/system';
import { beginRig, endRig } from '../rigs/watch';
import { Browser } from '../web/serving';
import { when } from '../when';
import { PROGRAM } from './run-cli';

const files = TestFiles.make();
chmodSync(files.folder, 0o755);

const nofault = (args: readonly string[], circumstances: Circumstances = {}): Promise<ChildResult> =>
  run(process.execPath, [PROGRAM, ...args], circumstances);

async function objects(args: readonly string[], circumstances: Circumstances = {}): Promise<Record<string, unknown>[]> {
  const { stdout } = await nofault([...args, '--json'], circumstances);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** What a page is told first. */
async function served(path: string, circumstances: Circumstances = {}): Promise<Record<string, unknown>[]> {
  const child = start(process.execPath, [PROGRAM, 'serve', '--json', '--port', '0', path], circumstances);
  const end = finished(child);
  const [line] = await new Promise<Buffer[]>((resolve) => child.stdout?.once('data', (...data) => resolve(data)));
  const browser = await Browser.connect(JSON.parse(String(line)) as { port: number });
  const { files: told } = await browser.next('state');
  browser.leave();
  child.kill('SIGTERM');
  expect(await end).toMatchObject({ code: 0, stderr: '' });
  return told as unknown as Record<string, unknown>[];
}

describe('who is deceived', () => {
  const as = { as: 'reader' } as const;
  const folder = files.path('deceived');
  const path = join(folder, 'file');
  const nothing = { residentBytes: 0, unknownBytes: MiB };
  mkdirSync(folder);
  writeFileSync(path, pattern(MiB), { mode: 0o644 });

  const { test } = when(otherUserLacks());
  test('is told by inspect, with its maps, sums and columns, that nothing is known', async () => {
    const [found] = await objects(['inspect', folder], as);
    expect(found).toMatchObject({ path, ...nothing, runs: [{ offset: 0, length: MiB, state: 'unknown' }] });
    expect(found).not.toHaveProperty('kernel');
    const [sums] = await objects(['inspect', '--total', folder], as);
    expect(sums).toEqual({ files: 1, failed: 0, size: MiB, ...nothing });
    const { stdout } = await nofault(['inspect', '--total', '--kernel', folder], as);
    expect(stdout.split('\n')[1]?.split(/ {2,}/)).toEqual(['', 'unknown', '1.0 MiB', '?', '?', '?', '?', '?', '1 file']);
  });

  test('is told so by watch', async () => {
    const [round] = await objects(['watch', '--rounds', '1', folder], as);
    expect(round).toMatchObject({ totals: nothing, files: [{ path, ...nothing }] });
    expect((await nofault(['watch', '--rounds', '1', folder], as)).stdout).toMatch(/^ +unknown .*file$\n\?$/m);
  });

  test('is told so by serve', async () => {
    expect(await served(folder, as)).toEqual([expect.objectContaining({ size: MiB, resident: 0, unknown: MiB })]);
  });

  test('is told by snapshot which files it leaves out', async () => {
    const out = join(folder, '..', 'out');
    mkdirSync(out, { recursive: true });
    chmodSync(out, 0o777);
    const taken = await nofault(['snapshot', folder, '-o', join(out, 'snapshot')], as);
    expect(taken).toMatchObject({ code: 1, stdout: expect.stringContaining('0 B in memory of 0 files') });
    expect(taken.stderr).toContain(path);
  });

  test('is told by evict that nobody knows what has left, and has it brought in by warm', async () => {
    const unknown = { bytes: 0, skippedBytes: 0, keptBytes: 0, unknownBytes: MiB };
    const [gone, sums] = await objects(['evict', folder], as);
    expect([gone, sums]).toEqual([
      { path, ...unknown },
      { files: 1, failed: 0, ...unknown, leftOutBytes: 0 },
    ]);
    expect((await nofault(['evict', folder], as)).stdout).toContain('of 1.0 MiB the kernel does not tell whether they left');
    const [here] = await objects(['warm', folder], as);
    expect(here).toMatchObject({ path, bytes: MiB, unknownBytes: 0 });
  });
});

when(mountingLacks()).test('on a file system that lies over another every command counts what is there', async () => {
  const rig = beginRig();
  const { lower, merged } = await mountOverlay(rig);
  writeFileSync(join(lower, 'file'), pattern(MiB));
  const path = join(merged, 'file');
  try {
    // The machine may reclaim a page at any moment.
    for (let attempt = 0; ; attempt++) {
      const [gone] = await objects(['evict', merged]);
      const [empty] = await objects(['inspect', '--no-map', merged]);
      const [here] = await objects(['warm', merged]);
      const [full] = await objects(['inspect', '--total', merged]);
      readFileSync(path);
      const [round] = await objects(['watch', '--rounds', '1', merged]);
      const [told] = await served(merged);
      const [written] = await objects(['snapshot', merged, '-o', join(lower, '..', 'snapshot')]);
      expect(gone).toMatchObject({ path, unknownBytes: 0 });
      const seen = [empty?.residentBytes, here?.bytes, full?.residentBytes, told?.resident, written?.residentBytes];
      const watched = (round as { totals: { residentBytes: number } }).totals.residentBytes;
      if (JSON.stringify([...seen, watched]) === JSON.stringify([0, MiB, MiB, MiB, MiB, MiB])) return;
      if (attempt === 10) throw new Error(`in 10 attempts it was never seen: ${JSON.stringify({ seen, watched })}`);
    }
  } finally {
    await endRig(rig);
  }
});
