// Makes a checkout ready: installs the packages and builds whatever is missing or older than its sources. Runs before `npm start`, `npm test` and
// `npm run bench`, so that each of them works on a clean clone.
//
//   --programs   also compiles examples/, bench/ and test/rigs/
//   --bench      the same, and the addon that the benches measure against
//   --prebuild   also makes the addon that is packed, in prebuilds/
//   --sanitized  also makes the addon that tests run with under sanitizers, in .build/sanitized/
//   --build      builds all that is used in the checkout, and afresh
//   --quiet      says nothing when there is nothing to do
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesUnder, fingerprint, Ledger, packagesInstalled } from './freshness.mjs';
import { inTurn } from './turn.mjs';

const { explain, inspectToolchain } = createRequire(import.meta.url)('./toolchain.cjs');

const OLDEST_NODE = 20;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const asked = new Set(process.argv.slice(2));
const force = asked.has('--build');
const onLinux = process.platform === 'linux';
const ledger = new Ledger(join(root, '.build', 'made.json'));

const SOURCES_OF_ADDON = ['native', 'binding.gyp', 'node_modules/node-addon-api/package.json'];
const GRAMMAR = join('src', 'bitmap', 'expression', 'grammar.peggy');
const PARSER = join('src', 'bitmap', 'expression', 'grammar.ts');
const SOURCES_OF_LIBRARY = ['src', 'tsconfig.json', 'tsconfig.build.json', 'node_modules/typescript/package.json'];
const PROGRAMS = ['bench', 'examples', 'test/rigs'];
const isTypeScript = (file) => /\.[cm]?ts$/.test(file);
const has = (...path) => existsSync(join(root, ...path));
const programs = PROGRAMS.filter((folder) => filesUnder(root, folder).some(isTypeScript));
const packed = join('prebuilds', `${process.platform}-${process.arch}`);

// What is made, in this order: whether it is wanted in this run, what from, whether it is there, and how.
const STEPS = [
  {
    name: 'addon',
    native: true,
    wanted: onLinux && has('binding.gyp'),
    print: () => fingerprint(root, SOURCES_OF_ADDON),
    there: () => has('build', 'Release', 'nofault.node'),
    says: 'compiling the addon',
    make: (env) => compileAddon('.', env),
  },
  {
    name: 'parser',
    wanted: true,
    print: () => fingerprint(root, [GRAMMAR, 'node_modules/peggy/package.json']),
    there: () => has(PARSER),
    says: `making ${PARSER} of ${GRAMMAR}`,
    make: () => makeParser(),
  },
  {
    name: 'dist',
    wanted: true,
    print: () => fingerprint(root, SOURCES_OF_LIBRARY),
    there: () => has('dist', 'index.js') && has('dist', 'index.mjs') && has('dist', 'web', 'page', 'index.html'),
    says: 'compiling src to dist',
    make: () =>
      compileTypeScript('tsconfig.build.json', (fresh) => {
        makePage(join(fresh, 'web', 'page'));
        replace(fresh, 'dist');
      }),
  },
  {
    name: 'programs',
    wanted: programs.length > 0 && (force || asked.has('--programs') || asked.has('--bench')),
    print: () =>
      fingerprint(
        root,
        [...PROGRAMS, ...SOURCES_OF_LIBRARY, 'tsconfig.programs.json'],
        (file) => isTypeScript(file) || file.endsWith('.json'),
      ),
    there: () => programs.every((folder) => has('.build', folder)),
    says: `compiling ${programs.join(', ')} to .build`,
    make: () =>
      compileTypeScript('tsconfig.programs.json', (fresh) => {
        for (const folder of programs) replace(join(fresh, folder), join('.build', folder));
      }),
  },
  {
    name: 'baseline',
    native: true,
    wanted: onLinux && (force || asked.has('--bench')) && has('bench', 'native', 'binding.gyp'),
    print: () => fingerprint(root, ['bench/native', 'node_modules/node-addon-api/package.json']),
    there: () => has('bench', 'native', 'build', 'Release'),
    says: 'compiling what the benches measure against',
    make: (env) => compileAddon(join('bench', 'native'), env),
  },
  {
    name: 'prebuild',
    native: true,
    wanted: onLinux && asked.has('--prebuild'),
    print: () => fingerprint(root, SOURCES_OF_ADDON),
    there: () => filesUnder(root, packed).length > 0,
    says: `compiling the addon to be packed, to ${packed}`,
    make: (env) => prebuild(env),
  },
  {
    name: 'sanitized',
    native: true,
    wanted: onLinux && asked.has('--sanitized'),
    print: () => fingerprint(root, SOURCES_OF_ADDON),
    there: () => has('.build', 'sanitized', 'build', 'Release', 'nofault.node'),
    says: 'compiling the addon with AddressSanitizer and UndefinedBehaviorSanitizer',
    make: (env) => sanitize(env),
  },
];

function say(text) {
  process.stderr.write(`nofault: ${text}\n`);
}

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

/** Runs a program. What it prints goes to stderr, for stdout belongs to the command that is being made ready for; `chatter` on its stdout goes nowhere. */
function run(what, command, args, { env = process.env, chatter = false } = {}) {
  const done = spawnSync(command, args, { cwd: root, env, stdio: ['ignore', chatter ? 'ignore' : 2, 2] });
  if (done.error) throw new Error(`${what} failed: ${command} did not start: ${done.error.message}`);
  if (done.status !== 0) throw new Error(`${what} failed (${done.signal ?? `exit code ${done.status}`}); the reason stands above`);
}

/** The npm that started us, or else the one on the PATH; undefined where there is none. */
function findNpm() {
  const own = process.env.npm_execpath;
  if (own !== undefined && basename(own) === 'npm-cli.js' && existsSync(own)) return [process.execPath, own];
  return spawnSync('npm', ['--version'], { stdio: 'ignore' }).status === 0 ? ['npm'] : undefined;
}

function installPackages(env) {
  const npm = findNpm();
  if (npm === undefined)
    fail('nofault needs npm to install its packages, and there is none on the PATH. It comes with Node, or as the package "npm".');
  say('installing packages (npm install)');
  // Not `npm ci`: that refuses a lock file which lacks optional packages of other systems, as one written behind a partial mirror does, and it empties
  // node_modules under whoever is using it. --no-save leaves package.json and the lock file as they are.
  const [command, ...args] = npm;
  run(
    'npm install',
    command,
    [...args, 'install', '--no-save', '--include=dev', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'],
    {
      env,
      chatter: true,
    },
  );
  // Asked in a process of its own, for it is native and optional.
  if (onLinux && spawnSync(process.execPath, ['-e', 'require("mmap-io")'], { cwd: root, stdio: 'ignore' }).status !== 0) {
    say("mmap-io could not be built here; the addon's own mapper takes its place");
  }
}

function compileAddon(folder, env) {
  // Not `rebuild` unless asked for: make knows which objects are older than their sources.
  const verbs = force ? ['rebuild'] : ['configure', 'build'];
  const gyp = join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  const args = [gyp, ...verbs, '--release', '--jobs=max', '--silent', '-C', join(root, folder)];
  run(`compiling ${join(folder, 'binding.gyp')}`, process.execPath, args, { env, chatter: true });
}

/** A parser in TypeScript, so that it is compiled, packed and tested as everything else in src. */
function makeParser() {
  const grammar = readFileSync(join(root, GRAMMAR), 'utf8');
  const peggy = createRequire(import.meta.url)('peggy');
  const parser = peggy.generate(grammar, { output: 'source', format: 'bare', grammarSource: GRAMMAR });
  const head = `// @ts-nocheck Made of ${basename(GRAMMAR)} by scripts/ready.mjs: what is changed here is lost.\n`;
  const door =
    'export const { parse }: { parse(text: string, options: { deepest: number; fail(message: string, at: number): never }): unknown } =';
  writeFileSync(join(root, `${PARSER}.new`), `${head}${door}\n${parser};\n`);
  renameSync(join(root, `${PARSER}.new`), join(root, PARSER));
}

/** Compiles into a fresh folder and only then puts the result in place, so that a failure leaves what was there. */
function compileTypeScript(project, place, fresh = join('.build', 'fresh')) {
  rmSync(join(root, fresh), { recursive: true, force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'lib', 'tsc.js');
  run(`compiling ${project}`, process.execPath, [tsc, '-p', project, '--outDir', fresh, '--noEmitOnError']);
  place(fresh);
  rmSync(join(root, fresh), { recursive: true, force: true });
}

/** The live page is for browsers: modules of its own, beside what they do not compile from. */
function makePage(folder) {
  const sources = join('src', 'web', 'page');
  const place = (fresh) => replace(join(fresh, 'web', 'page'), folder);
  compileTypeScript(join(sources, 'tsconfig.json'), place, join('.build', 'fresh-page'));
  for (const file of filesUnder(root, sources)) {
    if (/\.(html|css|svg)$/.test(file)) cpSync(join(root, file), join(root, folder, basename(file)));
  }
}

function replace(from, to) {
  rmSync(join(root, to), { recursive: true, force: true });
  mkdirSync(dirname(join(root, to)), { recursive: true });
  renameSync(join(root, from), join(root, to));
}

/** In a copy of the sources, so that it lies beside the other: NOFAULT_PREBUILD names the folder to whoever loads the addon. */
function sanitize(env) {
  const copy = join('.build', 'sanitized');
  for (const source of ['native', 'binding.gyp', 'package.json']) {
    cpSync(join(root, source), join(root, copy, source), { recursive: true, preserveTimestamps: true });
  }
  const flags = '-fsanitize=address,undefined';
  const more = (name, ...words) => ({ [name]: [env[name] ?? '', flags, ...words].join(' ') });
  compileAddon(copy, {
    ...env,
    ...more('CXXFLAGS', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer', '-g'),
    ...more('LDFLAGS'),
  });
}

/** In a copy of the sources: prebuildify cleans the build folder that it works in and moves the result out of it. */
function prebuild(env) {
  const copy = join(root, '.build', 'prebuild');
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  for (const source of ['native', 'binding.gyp', 'package.json']) cpSync(join(root, source), join(copy, source), { recursive: true });
  rmSync(join(root, packed), { recursive: true, force: true });
  const prebuildify = join(root, 'node_modules', 'prebuildify', 'bin.js');
  // N-API keeps its promise across Node's versions, so the one that runs will do. The C library is named, for musl must not load what glibc needs.
  const args = ['--cwd', copy, '--out', root, '--napi', '--strip', '--tag-libc', '--target', process.versions.node, '--quiet'];
  run('prebuildify', process.execPath, [prebuildify, ...args], { env });
  rmSync(copy, { recursive: true, force: true });
}

function makeReady() {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    fail(
      `nofault needs Node ${OLDEST_NODE} or later, and this is ${process.versions.node}. Newer ones: https://nodejs.org, nvm, or your system's packages.`,
    );
  }
  const stale = (step) => step.wanted && (force || !step.there() || !ledger.has(step.name, step.print()));
  const somethingToDo = () => !packagesInstalled(root) || STEPS.some(stale);
  if (!force && !somethingToDo()) {
    if (!asked.has('--quiet')) say('everything is built');
    return;
  }
  const onWait = (pid) => say(`process ${pid} is building here; waiting for it`);
  inTurn(join(root, '.build', 'ready.lock'), onWait, () => {
    const start = performance.now();
    // All that the machine lacks is said before minutes are spent on half of it.
    const { missing, env } = STEPS.some((step) => step.native && stale(step)) ? inspectToolchain() : { missing: [], env: process.env };
    if (missing.length > 0) throw new Error(explain(missing));
    if (!packagesInstalled(root)) installPackages(env);
    if (!onLinux) say(`the addon is for Linux and is not built on ${process.platform}; open() rejects with UNSUPPORTED here`);
    for (const step of STEPS.filter(stale)) {
      say(step.says);
      // Taken before the work: what changes meanwhile is stale again.
      const print = step.print();
      step.make(env);
      ledger.write(step.name, print);
    }
    say(`ready after ${((performance.now() - start) / 1000).toFixed(1)} s`);
  });
}

try {
  makeReady();
} catch (error) {
  fail(error.message);
}
