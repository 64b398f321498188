// Runs what can be run under sanitizers: the programs of test/native under ThreadSanitizer, and under AddressSanitizer with UndefinedBehaviorSanitizer; then the
// tests of the library with an addon that was built for the latter two (`ready.mjs --sanitized`). docs/trust.md says what is left out.
//
//   --units    only the programs
//   --suite    only the tests; words after it go to jest instead of the tests that are chosen here
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CAUGHT, NativeUnits } from './native-units.mjs';

const { inspectToolchain } = createRequire(import.meta.url)('./toolchain.cjs');

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const words = process.argv.slice(2);
const suppressions = (name) => join(root, 'test', 'native', 'suppressions', `${name}.txt`);

/**
 * Tests of what crosses into the addon: threads, windows that come and go, bad touches, damaged bytes. Not here: tests of the command line and of programs,
 * where the same code runs with more time between; and those that count how often things can be done (nothing-left-behind, memory, many-windows, lock), which
 * takes many times as long here and whose native parts are units, or that time what happens (board, priority), as the sanitizer is late for everything.
 */
const SUITE = {
  file:
    'abort close configure corners diagnostics errors get-pages get-ranges guard hostile-arguments page-set-iteration prefetch process-exit read refresh residency-map runs ' +
    'stats storage-errors try-page try-read workers wrong-arguments',
  bitmap: 'damaged-bitmaps kernels objects scan scan-and-its-end',
};
const suite = Object.entries(SUITE).flatMap(([folder, names]) => names.split(' ').map((name) => join('test', folder, `${name}.test.ts`)));
/** Everything takes longer here, and build machines are busy. */
const TEST_TIMEOUT = 240_000;

// The guard's handlers are the ones to be tried.
const OUR_SIGNALS = 'handle_segv=0:handle_sigbus=0:allow_user_segv_handler=1';
const ADDRESS = {
  ASAN_OPTIONS: `${OUR_SIGNALS}:halt_on_error=1:strict_string_checks=1:detect_stack_use_after_return=1`,
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
};
/** Rounds of random bitmaps; more of them with `.build/native-units/address-undefined/fuzz-containers ROUNDS SEED`. */
const WORDS = { 'fuzz-containers': ['600'] };
const SANITIZERS = [
  {
    name: 'thread',
    flag: 'thread',
    env: { TSAN_OPTIONS: `${OUR_SIGNALS}:halt_on_error=1:suppressions=${suppressions('units.thread')}:print_suppressions=0` },
    catches: ['race'],
    // Changes bytes while they are scanned, as other processes may: races that it makes on purpose. It has one thread otherwise.
    leavesOut: ['fuzz-containers'],
  },
  {
    name: 'address',
    flag: 'address,undefined',
    env: { ...ADDRESS, LSAN_OPTIONS: `suppressions=${suppressions('units.leak')}:print_suppressions=0` },
    catches: ['use after free', 'overflow'],
    leavesOut: [],
  },
];

function say(text) {
  process.stdout.write(`${text}\n`);
}

function execute([command, ...rest], env) {
  const { status, signal, stdout, stderr } = spawnSync(command, rest, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 300_000,
  });
  return { good: status === 0, said: `${stdout}${stderr}`, how: signal ?? `exit code ${status}` };
}

/** The words before a program's that let the sanitizer work: some kernels lay memory out where older ThreadSanitizers do not expect it. */
function prefixFor({ name, env, catches }, program) {
  const tried = [];
  for (const prefix of [[], ['setarch', '-R']]) {
    const healthy = execute([...prefix, program, 'nothing'], env);
    const missed = catches.filter((what) => execute([...prefix, program, what], env).good);
    if (healthy.good && missed.length === 0) return prefix;
    tried.push(healthy.good ? `it misses: ${missed.join(', ')}` : healthy.said);
  }
  throw new Error(`the ${name} sanitizer does not work here: ${tried.join('\n')}`);
}

async function runUnits(compiler) {
  const total = { passed: 0, failed: 0 };
  for (const sanitizer of SANITIZERS) {
    const units = new NativeUnits(root, compiler, sanitizer.flag);
    const names = units.names.filter((name) => !sanitizer.leavesOut.includes(name));
    for (const name of sanitizer.leavesOut) say(`left out: ${name}, ${sanitizer.name} sanitizer`);
    await units.build(names);
    const prefix = prefixFor(sanitizer, units.program(CAUGHT));
    for (const name of names.filter((one) => one !== CAUGHT)) {
      const start = performance.now();
      const { good, said, how } = execute([...prefix, units.program(name), ...(WORDS[name] ?? [])], sanitizer.env);
      total[good ? 'passed' : 'failed']++;
      say(`${good ? 'ok  ' : 'FAIL'} ${name}, ${sanitizer.name} sanitizer (${((performance.now() - start) / 1000).toFixed(1)} s)`);
      if (!good) say(`${said}\n${how}`);
      else if (said !== '') say(said.trimEnd());
    }
  }
  say(`Native units: ${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0;
}

function runSuite(compiler, chosen) {
  const library = spawnSync(compiler[0], [...compiler.slice(1), '-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout.trim();
  if (!isAbsolute(library)) throw new Error(`${compiler.join(' ')} has no AddressSanitizer that can be loaded into Node: g++ brings one`);
  const tests = chosen.length > 0 ? chosen : suite;
  const missing = tests.filter((file) => file.endsWith('.test.ts') && !existsSync(join(root, file)));
  if (missing.length > 0) throw new Error(`there is no ${missing.join(', ')}: what is chosen in scripts/sanitize.mjs has another name now`);
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const { status } = spawnSync(process.execPath, [jest, `--testTimeout=${TEST_TIMEOUT}`, ...tests], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      ...ADDRESS,
      // What JavaScript holds lies in V8's heap, where leaks are not looked for: everything would be one. See nothing-left-behind.test.ts.
      ASAN_OPTIONS: `${ADDRESS.ASAN_OPTIONS}:detect_leaks=0`,
      // Node itself was not built for it.
      LD_PRELOAD: library,
      NOFAULT_PREBUILD: join(root, '.build', 'sanitized'),
    },
  });
  return status === 0;
}

try {
  const { env } = inspectToolchain();
  const compiler = (env.CXX ?? 'g++').trim().split(/\s+/);
  const units = words[0] === '--suite' || (await runUnits(compiler));
  const tests = words[0] === '--units' || runSuite(compiler, words[0] === '--suite' ? words.slice(1) : words);
  process.exitCode = units && tests ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
