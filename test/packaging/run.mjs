// Packs the package and uses it as others will: installed from the tarball into an empty folder, with and without install scripts, with and without a
// compiler, from CommonJS, ES modules and TypeScript. Takes minutes, and needs the registry for the package's dependencies.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const { nodeHeaders } = createRequire(import.meta.url)('../../scripts/toolchain.cjs');

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const scratch = mkdtempSync(join(tmpdir(), 'nofault-packaging-'));
const prebuild = `prebuilds/${process.platform}-${process.arch}`;
const dataFile = join(scratch, 'data');
const tool = (...path) => join(root, 'node_modules', ...path);
const TYPESCRIPT = tool('typescript', 'lib', 'tsc.js');

// As from a terminal: when npm runs this program it tells its children about the folder and the script it was started for.
const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(?!config_(cache|registry|nodedir)$)/i.test(name))),
  ...(nodeHeaders() === undefined ? {} : { npm_config_nodedir: nodeHeaders() }),
};

let tarball;
let packedFiles;

function run(command, args, { cwd = root, env = environment } = {}) {
  const done = spawnSync(command, args, { cwd, env, encoding: 'utf8', maxBuffer: 1 << 26 });
  return { ...done, everything: `${done.stdout}${done.stderr}${done.error ?? ''}` };
}

function succeed(command, args, options) {
  const done = run(command, args, options);
  assert.equal(
    done.status,
    0,
    `${basename(command)} ${args.map((arg) => basename(arg)).join(' ')} ended with ${done.status}:\n${done.everything}`,
  );
  return done;
}

const npmCli = findNpm();

function findNpm() {
  const own = process.env.npm_execpath;
  if (own !== undefined && basename(own) === 'npm-cli.js') return own;
  return join(succeed('npm', ['root', '--global']).stdout.trim(), 'npm', 'bin', 'npm-cli.js');
}

const npm = (args, options) => succeed(process.execPath, [npmCli, ...args, '--no-audit', '--no-fund'], options);

/** An empty folder with the tarball installed, and the consumer programs in it. */
function install(name, { flags = [], env = environment } = {}) {
  const folder = join(scratch, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', version: '1.0.0', private: true }));
  npm(['install', tarball, ...flags], { cwd: folder, env });
  for (const file of readdirSync(join(here, 'consumer'))) copyFileSync(join(here, 'consumer', file), join(folder, file));
  return folder;
}

function node(folder, ...args) {
  const done = succeed(process.execPath, args, { cwd: folder });
  return JSON.parse(done.stdout.trim().split('\n').at(-1));
}

function loadsIn(folder, name) {
  return run(process.execPath, ['-e', `require(${JSON.stringify(name)})`], { cwd: folder }).status === 0;
}

function checkReading(folder) {
  const expected = { same: true, size: 3 * 65536 + 100 };
  assert.deepEqual(node(folder, 'read.cjs', dataFile), expected);
  assert.deepEqual(node(folder, 'read.mjs', dataFile), expected);
}

const addonsIn = (folder) => {
  const built = join(folder, 'node_modules', 'nofault', 'build', 'Release', 'nofault.node');
  return { compiled: existsSync(built) };
};

const sourcesUnder = (folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)));

before(() => {
  // Whole pages at any page size in use, and then a part of one.
  writeFileSync(dataFile, randomBytes(3 * 65536 + 100));
  const [packed] = JSON.parse(npm(['pack', '--json', '--pack-destination', scratch]).stdout);
  tarball = join(scratch, packed.filename);
  packedFiles = packed.files.map((file) => file.path).sort();
});

after(() => rmSync(scratch, { recursive: true, force: true }));

describe('the tarball', () => {
  it('holds what a user needs and nothing else', () => {
    const compiled = sourcesUnder('src').flatMap((file) => {
      // A grammar becomes a source beside it.
      if (file.endsWith('.peggy')) return [];
      // The live page is modules for browsers, which have no types to offer, and what they are shown with.
      const [, page] = /^src\/web\/page\/(.*)$/.exec(file) ?? [];
      if (page === 'tsconfig.json') return [];
      if (page !== undefined) return [`dist/web/page/${page.replace(/\.ts$/, '.js')}`];
      const [, stem, flavour] = /^src\/(.*)\.([cm]?)ts$/.exec(file) ?? assert.fail(`what does ${file} become?`);
      return [`dist/${stem}.${flavour}js`, `dist/${stem}.d.${flavour}ts`];
    });
    const rest = ['LICENSE', 'README.md', 'binding.gyp', 'package.json', 'scripts/install.cjs', 'scripts/toolchain.cjs'];
    const expected = [...compiled, ...sourcesUnder('native'), ...sourcesUnder('docs'), ...rest, `${prebuild}/nofault.glibc.node`];
    assert.deepEqual(packedFiles, expected.sort());
  });

  it('passes publint', () => {
    const done = succeed(process.execPath, [tool('publint', 'src', 'cli.js'), 'run', tarball, '--strict']);
    assert.match(done.everything, /All good!/);
  });

  it('has types that resolve in every module mode', () => {
    const attw = tool('@arethetypeswrong', 'cli', 'dist', 'index.js');
    succeed(process.execPath, [attw, tarball, '--no-definitely-typed', '--format', 'ascii', '--no-color', '--no-emoji']);
  });
});

describe('the prebuilt addon', () => {
  const addon = join(root, prebuild, 'nofault.glibc.node');
  const noReadelf = spawnSync('readelf', ['--version']).status !== 0 && 'readelf is not installed';

  it('needs no C++ library of the machine', { skip: noReadelf }, () => {
    const needed = [...succeed('readelf', ['--dynamic', '--wide', addon]).stdout.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
    assert.ok(needed.includes('libc.so.6'), `it needs ${needed}`);
    assert.deepEqual(
      needed.filter((name) => /stdc\+\+|libgcc/.test(name)),
      [],
    );
  });

  it('shows Node its two entries and keeps the C++ library to itself', { skip: noReadelf }, (t) => {
    const symbols = succeed('readelf', ['--dyn-syms', '--wide', addon]).stdout;
    // Number, value, size, type, binding, visibility, section, name.
    const rows = symbols.split('\n').map((line) => line.trim().split(/\s+/));
    const shown = rows.filter((row) => /^\d+:$/.test(row[0]) && row[6] !== 'UND').map((row) => row[7]);
    assert.deepEqual(shown.sort(), ['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
    const versions = [...symbols.matchAll(/@GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
    t.diagnostic(`it needs glibc 2.${Math.max(...versions)} or later`);
  });

  it('stays loaded when a worker that used it ends', { skip: noReadelf }, () => {
    assert.match(succeed('readelf', ['--dynamic', '--wide', addon]).stdout, /NODELETE/);
  });

  it('is stripped', { skip: noReadelf }, () => {
    const sections = succeed('readelf', ['--sections', '--wide', addon]).stdout;
    assert.match(sections, /\.dynsym/);
    assert.doesNotMatch(sections, /\.symtab|\.debug_/);
  });
});

describe('installed as usual', () => {
  let folder;
  before(() => {
    folder = install('usual');
  });

  it('reads, and was not compiled', () => {
    assert.deepEqual(addonsIn(folder), { compiled: false });
    checkReading(folder);
  });

  it('brings mmap-io where that can be built', { skip: !loadsIn(root, 'mmap-io') && 'it cannot be built here' }, () => {
    assert.ok(loadsIn(folder, 'mmap-io'));
  });

  it('has the same names and objects for import and require', () => {
    const { required, imported, identical, caught } = node(folder, 'both.mjs');
    assert.ok(required.includes('open') && required.includes('NofaultError'), `require gives ${required}`);
    assert.deepEqual(imported, required);
    assert.ok(identical, 'import and require give different objects');
    assert.ok(caught, 'an error is not an instance of both classes');
  });

  for (const [flavour, program] of [
    ['CommonJS', 'types.cts'],
    ['ES module', 'types.mts'],
  ]) {
    it(`compiles in a TypeScript ${flavour}, its declarations checked too`, () => {
      const types = join(folder, 'node_modules', '@types');
      if (!existsSync(types)) symlinkSync(tool('@types'), types);
      const strict = ['--strict', '--noEmit', '--skipLibCheck', 'false', '--exactOptionalPropertyTypes'];
      const flags = ['--module', 'node16', '--moduleResolution', 'node16', '--target', 'es2022', '--types', 'node'];
      succeed(process.execPath, [TYPESCRIPT, ...strict, ...flags, program], { cwd: folder });
    });
  }

  it('has a working command', () => {
    const { version } = createRequire(join(folder, 'x.js'))('nofault/package.json');
    const command = join(folder, 'node_modules', '.bin', 'nofault');
    assert.equal(succeed(command, ['--version'], { cwd: folder }).stdout.trim(), version);
  });

  it('can be imported on another system, where open rejects with UNSUPPORTED', () => {
    const failure = node(folder, '--require', './other-system.cjs', 'open-fails.cjs');
    assert.deepEqual({ ...failure, message: undefined }, { opened: false, code: 'UNSUPPORTED', own: true, message: undefined });
    assert.match(failure.message, /Linux.*darwin/);
  });

  it('installs on another system without compiling', () => {
    const script = join(folder, 'node_modules', 'nofault', 'scripts', 'install.cjs');
    const done = succeed(process.execPath, ['--require', './other-system.cjs', script], { cwd: folder });
    assert.match(done.stderr, /^nofault .*UNSUPPORTED.*\n$/);
    assert.deepEqual(addonsIn(folder), { compiled: false });
  });
});

it('works when installed with --ignore-scripts, without mmap-io then', () => {
  const folder = install('no-scripts', { flags: ['--ignore-scripts'] });
  assert.ok(!loadsIn(folder, 'mmap-io'), 'mmap-io was built after all');
  assert.deepEqual(addonsIn(folder), { compiled: false });
  checkReading(folder);
});

describe('on a machine without compiler, make and Python', () => {
  let bare;
  before(() => {
    // A PATH with nothing but what npm itself takes.
    bare = join(scratch, 'bin');
    mkdirSync(bare);
    symlinkSync(process.execPath, join(bare, 'node'));
    symlinkSync(npmCli, join(bare, 'npm'));
    symlinkSync('/bin/sh', join(bare, 'sh'));
  });

  const bareEnvironment = () => ({ ...environment, PATH: bare, CXX: undefined, CC: undefined, PYTHON: undefined });

  it('the package installs and works', () => {
    const folder = install('no-compiler', { env: bareEnvironment() });
    assert.ok(!loadsIn(folder, 'mmap-io'), 'mmap-io was built after all');
    assert.deepEqual(addonsIn(folder), { compiled: false });
    checkReading(folder);
  });

  it('an install for which no prebuilt addon fits says what is missing', () => {
    const script = join(scratch, 'no-compiler', 'node_modules', 'nofault', 'scripts', 'install.cjs');
    const done = run(process.execPath, [script], { env: { ...bareEnvironment(), npm_config_build_from_source: 'true' } });
    assert.equal(done.status, 1, done.everything);
    assert.match(done.stderr, /C\+\+20 compiler/);
    assert.match(done.stderr, /\bmake\b/);
    assert.match(done.stderr, /Python/);
    assert.match(done.stderr, /apt-get install/);
  });

  it('a checkout says what is missing before it installs anything', () => {
    const checkout = join(scratch, 'checkout');
    mkdirSync(join(checkout, 'scripts'), { recursive: true });
    for (const file of ['package.json', 'package-lock.json', 'binding.gyp']) copyFileSync(join(root, file), join(checkout, file));
    for (const file of readdirSync(join(root, 'scripts'))) copyFileSync(join(root, 'scripts', file), join(checkout, 'scripts', file));
    const done = run(process.execPath, [join(checkout, 'scripts', 'ready.mjs')], { cwd: checkout, env: bareEnvironment() });
    assert.equal(done.status, 1, done.everything);
    assert.match(done.stderr, /C\+\+20 compiler/);
    assert.match(done.stderr, /apt-get install/);
    assert.ok(!existsSync(join(checkout, 'node_modules')));
  });
});

it('compiles from source when asked to', () => {
  const folder = install('from-source', { env: { ...environment, npm_config_build_from_source: 'true' } });
  assert.deepEqual(addonsIn(folder), { compiled: true });
  // Without the prebuilt one, so that it is surely the compiled one that reads.
  rmSync(join(folder, 'node_modules', 'nofault', 'prebuilds'), { recursive: true });
  checkReading(folder);
});
