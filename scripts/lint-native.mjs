// Lints what is written in C and C++: its format, then clang-tidy where that is installed. --fix formats instead.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesUnder } from './freshness.mjs';
import { INCLUDED, isNativeUnit } from './native-units.mjs';

const require = createRequire(import.meta.url);
const { nodeHeaders } = require('./toolchain.cjs');

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const sources = ['native', 'bench', 'test'].flatMap((folder) => filesUnder(root, folder)).filter((file) => /\.(c|cc|h)$/.test(file));
// What is compiled as part of an addon; a header is looked at through what includes it.
const units = sources.filter((file) => /native\/.*\.cc$/.test(file));

function say(text) {
  process.stderr.write(`${text}\n`);
}

function clangFormat(fix) {
  const program = require.resolve('clang-format');
  const flags = fix ? ['-i'] : ['--dry-run', '--Werror'];
  return spawnSync(process.execPath, [program, '--style=file', ...flags, ...sources], { cwd: root, stdio: ['ignore', 2, 2] }).status === 0;
}

async function clangTidy() {
  if (spawnSync('clang-tidy', ['--version'], { stdio: 'ignore' }).status !== 0) {
    say('clang-tidy is not installed, so what it would find is not looked for (Debian: apt-get install clang-tidy)');
    return true;
  }
  const headers = nodeHeaders();
  if (headers === undefined) {
    say(`clang-tidy is skipped: Node's headers are not beside ${process.execPath}`);
    return true;
  }
  const { include_dir: napi } = require('node-addon-api');
  const defines = ['-DNAPI_VERSION=8', '-DNAPI_CPP_EXCEPTIONS', '-D_GNU_SOURCE'];
  // Headers that are not ours are the system's to clang-tidy, which does not report what it finds in those.
  const compile = ['-std=c++20', ...defines, '-isystem', join(headers, 'include', 'node'), '-isystem', join(root, napi)];
  // The programs of test/native are compiled without JavaScript (native-units.mjs).
  const wordsFor = (unit) => (isNativeUnit(unit) ? [...INCLUDED, ...compile] : compile);
  // The analyzer, which takes two thirds of the time, looks at what users run; the rest runs under sanitizers itself, or is a bench.
  const checksFor = (unit) => (unit.startsWith('native/') ? [] : ['--checks=-clang-analyzer-*']);
  const queue = [...units];
  let clean = true;
  const worker = async () => {
    for (let unit = queue.shift(); unit !== undefined; unit = queue.shift()) {
      const child = spawn('clang-tidy', ['--quiet', ...checksFor(unit), unit, '--', ...wordsFor(unit)], {
        cwd: root,
        stdio: ['ignore', 2, 'ignore'],
      });
      const [status] = await once(child, 'exit');
      clean &&= status === 0;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return clean;
}

const fix = process.argv.includes('--fix');
const formatted = clangFormat(fix);
if (!formatted) say('The format differs from .clang-format; npm run format puts it right.');
const tidy = fix || (await clangTidy());
process.exitCode = formatted && tidy ? 0 : 1;
