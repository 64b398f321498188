import { runProgram } from '../child';
import { TestFiles } from '../files';

const files = TestFiles.make();
const path = files.patterned('again and again', 20_000);

interface State {
  readonly descriptors: { readonly all: number; readonly ofFile: number };
  readonly mappings: { readonly all: number; readonly ofFile: number };
  readonly threads: { readonly pool: number; readonly others: number };
}

async function leftBehind(what: 'files' | 'workers', times: number): Promise<void> {
  const { stdout, ...rest } = await runProgram('opened-and-closed.cjs', [what, path, String(times)], ['--expose-gc']);
  expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
  const { before, after } = JSON.parse(stdout) as { readonly before: State; readonly after: State };
  expect(after).toMatchObject({ descriptors: { ofFile: 0 }, mappings: { ofFile: 0 }, threads: { pool: 0 } });
  expect(after.descriptors.all).toBeLessThanOrEqual(before.descriptors.all);
  expect(after.threads.others).toBeLessThanOrEqual(before.threads.others);
  // The heap takes and gives back some.
  expect(after.mappings.all - before.mappings.all).toBeLessThan(200);
}

test(
  '100,000 files that are opened, read and closed leave no descriptor, mapping or thread behind',
  () => leftBehind('files', 100_000),
  300_000,
);

test(
  '1,000 workers that read, and close, exit, just end or are terminated, leave no descriptor, mapping or thread behind',
  () => leftBehind('workers', 1000),
  300_000,
);
