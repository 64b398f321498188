import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';

const PROGRAM = join(__dirname, '..', '..', '.build', 'examples', 'http-pages.js');
const BYTES = randomBytes(9 * 2 ** 20 + 123);
let folder: string;
let url: string;
let server: ChildProcess;
let complaints = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nofault-http-'));
  // Flushed, for what is not on the disk yet cannot be dropped from memory.
  writeFileSync(join(folder, 'data'), BYTES, { flush: true });
});
beforeEach(async () => {
  complaints = '';
  server = spawn(process.execPath, [PROGRAM, join(folder, 'data'), '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
  url = await new Promise<string>((resolve, reject) => {
    server.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${complaints}`)));
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaints += text;
      const match = /http:\S+/.exec(complaints);
      if (match !== null) resolve(match[0]);
    });
  });
  complaints = '';
});
afterEach(() => {
  server.kill('SIGKILL');
  expect(complaints).toBe('');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function ask(range?: string, method = 'GET', path = ''): Promise<Response> {
  return fetch(url + path, { method, headers: range === undefined ? {} : { Range: range } });
}

async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

test('the whole file', async () => {
  const response = await ask();
  expect(response.status).toBe(200);
  expect((await bytesOf(response)).equals(BYTES)).toBe(true);
});

test.each([1, 2, 3, 4, 5])('what is missing arrives in any order and leaves in the order of the file, round %d', async () => {
  // Before the server has mapped any of it: what is mapped is not dropped.
  execFileSync('dd', [`if=${join(folder, 'data')}`, 'iflag=nocache', 'count=0', 'status=none']);
  expect((await bytesOf(await ask())).equals(BYTES)).toBe(true);
});

test('any range', async () => {
  const position = fc.nat(BYTES.length - 1);
  await fc.assert(
    fc.asyncProperty(position, position, async (one, other) => {
      const [first, last] = [Math.min(one, other), Math.max(one, other)];
      const response = await ask(`bytes=${first}-${last}`);
      expect(response.status).toBe(206);
      expect(response.headers.get('content-range')).toBe(`bytes ${first}-${last}/${BYTES.length}`);
      expect((await bytesOf(response)).equals(BYTES.subarray(first, last + 1))).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test.each([
  ['an open end', 'bytes=9437000-', 9437000, BYTES.length],
  ['the last bytes', 'bytes=-10', BYTES.length - 10, BYTES.length],
  ['more than there is at the end', 'bytes=-99999999', 0, BYTES.length],
  ['an end behind the end', `bytes=${BYTES.length - 5}-99999999`, BYTES.length - 5, BYTES.length],
  ['one byte', 'bytes=4095-4095', 4095, 4096],
])('%s', async (_, range, from, to) => {
  const response = await ask(range);
  expect(response.status).toBe(206);
  expect((await bytesOf(response)).equals(BYTES.subarray(from, to))).toBe(true);
});

test.each([
  ['behind the end', `bytes=${BYTES.length}-`],
  ['the last no bytes', 'bytes=-0'],
])('a range that lies %s cannot be satisfied', async (_, range) => {
  const response = await ask(range);
  expect(response.status).toBe(416);
  expect(response.headers.get('content-range')).toBe(`bytes */${BYTES.length}`);
});

test.each(['bytes=9-5', 'bytes=0-1,4-5', 'bytes=-', 'lines=1-2', 'bytes=x-y'])('%s is answered with the whole', async (range) => {
  const response = await ask(range);
  expect(response.status).toBe(200);
  await response.body?.cancel();
});

test('HEAD, other methods, other paths', async () => {
  const head = await ask('bytes=0-9', 'HEAD');
  expect([head.status, head.headers.get('content-length')]).toEqual([206, '10']);
  expect((await ask(undefined, 'POST')).status).toBe(405);
  expect((await ask(undefined, 'GET', 'elsewhere')).status).toBe(404);
});

test('a client that leaves in the middle disturbs nobody', async () => {
  for (let round = 0; round < 10; round++) {
    const request = get(url);
    const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
    await once(response, 'data');
    request.destroy();
  }
  expect((await bytesOf(await ask('bytes=100-199'))).equals(BYTES.subarray(100, 200))).toBe(true);
});

test('a signal ends it in order', async () => {
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
