// Runs when somebody installs the package. Where a prebuilt addon loads there is nothing to do; else it is compiled here.
'use strict';

const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { explain, inspectToolchain } = require('./toolchain.cjs');

const root = join(__dirname, '..');

function say(text) {
  process.stderr.write(`${text}\n`);
}

// In a process of its own: an addon that does not fit this machine may end the one that loads it.
function loads() {
  const load = `require('node-gyp-build')(${JSON.stringify(root)})`;
  return spawnSync(process.execPath, ['-e', load], { cwd: root, stdio: 'ignore' }).status === 0;
}

function compile() {
  const { missing, env } = inspectToolchain();
  if (missing.length > 0) {
    say(`no prebuilt addon fits ${process.platform}-${process.arch}. ${explain(missing)}`);
    return 1;
  }
  // npm names its own node-gyp; other package managers have one on the PATH of a script.
  const gyp = process.env.npm_config_node_gyp;
  const [command, ...args] = gyp && existsSync(gyp) ? [process.execPath, gyp] : ['node-gyp'];
  const done = spawnSync(command, [...args, 'rebuild', '--release'], { cwd: root, env, stdio: 'inherit' });
  if (done.status === 0 && loads()) return 0;
  if (done.error)
    say(`nofault could not be compiled: ${command} did not start (${done.error.message}). Install it with: npm install -g node-gyp`);
  else if (done.status !== 0) say('nofault could not be compiled; what the compiler said stands above.');
  else say('nofault was compiled, but the result does not load; to see why: node -e "require(\'nofault\').open(__filename)"');
  return 1;
}

function install() {
  // A checkout compiles when it is first used (scripts/ready.mjs), with its own tools.
  if (existsSync(join(root, 'src'))) return 0;
  if (process.platform !== 'linux') {
    say(`nofault reads files on Linux only; on ${process.platform} it can be imported, and open() rejects with UNSUPPORTED.`);
    return 0;
  }
  const fromSource = process.env.npm_config_build_from_source;
  const forced = fromSource === 'true' || fromSource === 'nofault';
  return !forced && loads() ? 0 : compile();
}

process.exitCode = install();
