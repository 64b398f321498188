import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFlights } from '../bitmap/flights';
import { writeIndex } from '../bitmap/index-file';
import { evictUnmapped } from '../files';

const PROGRAM = join(__dirname, '..', '..', '.build', 'examples', 'query-server.js');
let folder: string;
let index: string;
let url: string;
let server: ChildProcess;
let complaints = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nofault-query-server-'));
});
beforeEach(async () => {
  index = join(folder, 'index');
  copyFileSync(writeFlights(join(folder, 'flights')), index);
  evictUnmapped(index);
  complaints = '';
  server = spawn(process.execPath, [PROGRAM, index, '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
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
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function ask(path: string, parameters: Record<string, string>): Promise<[number, unknown]> {
  const response = await fetch(`${url}${path}?${new URLSearchParams(parameters)}`);
  return [response.status, await response.json()];
}

test('counts, cold and hot', async () => {
  const where = "origin = 'SEA' and delay > 60";
  for (let round = 0; round < 5; round++) expect(await ask('count', { where })).toEqual([200, { count: 2 }]);
  const answers = await Promise.all(Array.from({ length: 50 }, (_, delay) => ask('count', { where: `delay > ${delay}` })));
  expect(answers.map(([, body]) => (body as { count: number }).count)).toEqual(
    Array.from({ length: 50 }, (_, delay) => (delay < 7 ? 4 : 3)),
  );
  expect(complaints).toBe('');
});

test('rows, with a limit and without', async () => {
  expect(await ask('rows', { where: 'delay > 60' })).toEqual([200, { rows: [0, 4, 5] }]);
  expect(await ask('rows', { where: 'delay > 60', limit: '2' })).toEqual([200, { rows: [0, 4] }]);
  expect(await ask('rows', { where: 'delay > 1000' })).toEqual([200, { rows: [] }]);
  expect(complaints).toBe('');
});

test('what is wrong with an expression is told to the client alone', async () => {
  const [status, body] = await ask('count', { where: 'dealy > 60' });
  expect(status).toBe(400);
  expect((body as { error: string }).error).toContain('did you mean "delay"?');
  expect((await ask('rows', { where: 'delay >' }))[0]).toBe(400);
  expect((await ask('count', {}))[0]).toBe(400);
  expect((await ask('elsewhere', {}))[0]).toBe(404);
  expect((await fetch(`${url}count?where=delay=1`, { method: 'POST' })).status).toBe(405);
  expect(complaints).toBe('');
});

test('a client that leaves disturbs nobody', async () => {
  for (let round = 0; round < 10; round++) {
    const request = get(`${url}count?where=delay>${round}`);
    request.on('error', () => {});
    await new Promise((resolve) => setTimeout(resolve, round));
    request.destroy();
  }
  expect(await ask('count', { where: 'delay > 60' })).toEqual([200, { count: 3 }]);
  expect(complaints).toBe('');
});

test('an index that was built anew is read after SIGHUP', async () => {
  const next = writeIndex(join(folder, 'next'), [{ name: 'delay', kind: 'numbers', type: 'integer', values: [1n, 100n] }]);
  renameSync(next, index);
  expect(await ask('count', { where: 'delay > 60' })).toEqual([200, { count: 3 }]);
  const told = once(server.stderr as NodeJS.ReadableStream, 'data');
  server.kill('SIGHUP');
  expect(String((await told)[0])).toBe('now 2 rows\n');
  expect(await ask('count', { where: 'delay > 60' })).toEqual([200, { count: 1 }]);
});

test('a signal ends it in order', async () => {
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
