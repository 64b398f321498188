import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { scripts } from '../../package.json';
import { finish, nofault } from './run-cli';

const ROOT = join(__dirname, '..', '..');
const PROGRAM = join(ROOT, '.build', 'examples', 'flights.js');

test('is what npm start runs', () => {
  expect(scripts.start).toBe('node .build/examples/flights.js');
});

test('indexes three million flights, and answers as a plain mapping does, in 80 columns', async () => {
  const { code, stdout, stderr } = await finish(process.execPath, [PROGRAM], {}, { timeout: 150_000 });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^ {2}rows +3,000,000 in /m);
  // As an awk over the decoded table counts them.
  const answers = [...stdout.matchAll(/^ {2}(?:cold|hot), (?:nofault|mapping) +([\d,]+) /gm)].map(([, answer]) => answer);
  const ways = answers.length / 4;
  expect([2, 4]).toContain(ways);
  expect(answers).toEqual(['2,763', '652', '2,364', '2,151'].flatMap((answer) => Array(ways).fill(answer)));
  if (ways === 4) expect(stdout.match(/the answers are equal/g)).toHaveLength(4);
  expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  // What it says to try at the end works.
  const index = join(ROOT, '.build', 'flights.idx');
  expect(existsSync(index)).toBe(true);
  expect((await nofault(['query', index, "origin = 'ORD'"])).stdout).toMatch(/^\d+\n$/);
}, 180_000);
