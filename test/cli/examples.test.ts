import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { pattern, TestFiles } from '../files';
import { hasTool } from '../rigs/system';
import { finish, nofault, PROGRAM } from './run-cli';

const files = TestFiles.make();
const folder = files.path('place');
const ENV = { PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}` };

beforeAll(() => {
  for (const inner of ['bin', 'db', 'replica']) mkdirSync(join(folder, inner), { recursive: true });
  const program = join(folder, 'bin', 'nofault');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`);
  chmodSync(program, 0o755);
  for (const name of ['db/orders.idx', 'db/customers.idx', 'db/log', 'big.file', 'one.idx']) {
    writeFileSync(join(folder, name), pattern(100_000));
  }
});

/** The examples of a command's help, for a place that has what they are about. */
async function examplesOf(command: string): Promise<string[]> {
  const { stdout } = await nofault([command, '--help']);
  const [, examples = ''] = /^Examples:\n((?: {2}.*\n)+)/m.exec(stdout) ?? [];
  const lines = examples.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '' && !line.startsWith('ssh '))
    .map((line) =>
      line
        .replace(/ && scp .*/, '')
        .replaceAll('/var/lib/db', 'db')
        .replace('/mnt/replica', 'replica')
        .replace('--rounds 60', '--rounds 2 --interval 0.1'),
    );
}

const inPlace = (line: string): Promise<{ code: number | null; stderr: string }> => finish('sh', ['-c', line], ENV, { cwd: folder });

const JQ = hasTool('jq');

// In this order: what one writes another one reads.
test.each(['inspect', 'warm', 'evict', 'snapshot', 'restore'])('those in the help of %s run as they are printed', async (command) => {
  const examples = await examplesOf(command);
  expect(examples.length).toBeGreaterThanOrEqual(3);
  for (const line of examples) {
    if (line.includes('| jq') && !JQ) continue;
    const { code, stderr } = await inPlace(line);
    // The replica is empty: there the files are missing, and told so.
    // What a command says of its work is no complaint.
    const complaints = stderr.split('\n').filter((said) => said.startsWith('nofault:'));
    if (line.includes('--root')) expect({ line, code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('ENOENT') });
    else expect({ line, code, complaints }).toEqual({ line, code: 0, complaints: [] });
  }
});

test.each(['watch', 'lock', 'serve'])('those in the help of %s run until they are ended', async (command) => {
  const examples = await examplesOf(command);
  expect(examples.length).toBeGreaterThanOrEqual(2);
  for (const example of examples) {
    // The port of the others may be taken.
    const line = example.replace(/^nofault serve(?!.*--port)/, 'nofault serve --port 0');
    const child = spawn('sh', ['-c', `trap : INT; ${line}`], {
      cwd: folder,
      env: { ...process.env, ...ENV },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    // A look of watch ends with an empty line or is an object; the others say that all is ready.
    const ready = { watch: /\n\n|\}\n/, lock: /^holding/m, serve: /^http/m }[command] as RegExp;
    let ended = false;
    const code = await new Promise<number | null>((resolve) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
        if (ended || !ready.test(stdout)) return;
        ended = true;
        process.kill(-(child.pid as number), 'SIGINT');
      });
      child.on('close', resolve);
    });
    expect({ line, code, stderr }).toEqual({ line, code: 0, stderr: expect.not.stringContaining('nofault:') });
  }
});
