// What compiling the addon takes on this machine: which tool is missing, and how it is installed. CommonJS without dependencies, because it is shipped
// and runs before anything is installed.
'use strict';

const { spawnSync } = require('node:child_process');
const { existsSync, realpathSync } = require('node:fs');
const { dirname, join } = require('node:path');

const INSTALL = [
  ['Debian, Ubuntu', 'apt-get install -y g++ make python3'],
  ['Fedora', 'dnf install -y gcc-c++ make python3'],
  ['Alpine', 'apk add g++ make python3 linux-headers'],
];

const CPP20 = '#include <span>\nstatic_assert(__cplusplus > 201703L);\nint main() { return std::span<int>().size(); }\n';

function succeeds(command, args, input) {
  const done = spawnSync(command, args, { input: input ?? '', stdio: ['pipe', 'ignore', 'ignore'] });
  return done.status === 0;
}

function findCompiler(env) {
  // CXX may carry arguments ("ccache g++"), as make allows.
  const candidates = env.CXX ? [env.CXX.trim().split(/\s+/)] : [['g++'], ['c++'], ['clang++']];
  const present = candidates.filter(([command, ...args]) => succeeds(command, [...args, '--version']));
  const fit = present.find(([command, ...args]) => succeeds(command, [...args, '-std=c++20', '-x', 'c++', '-fsyntax-only', '-'], CPP20));
  return { name: fit?.join(' '), tooOld: fit === undefined ? present[0]?.join(' ') : undefined };
}

function findPython(env) {
  const asked = env.PYTHON ?? env.npm_config_python ?? env.NODE_GYP_FORCE_PYTHON;
  return (asked ? [asked] : ['python3', 'python']).find((command) =>
    succeeds(command, ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']),
  );
}

/** Looks for what node-gyp needs: `missing` has one sentence for each lack, `env` is what the build is to run with. */
function inspectToolchain(env = process.env) {
  const compiler = findCompiler(env);
  const python = findPython(env);
  const missing = [];
  if (compiler.tooOld !== undefined) {
    missing.push(`a C++20 compiler: ${compiler.tooOld} does not take -std=c++20 (GCC 10 and later do)`);
  } else if (compiler.name === undefined) {
    missing.push(`a C++20 compiler: ${env.CXX ? `CXX=${env.CXX} does not run` : 'none of g++, c++, clang++ is on the PATH'}`);
  }
  if (!succeeds(env.MAKE || 'make', ['--version'])) missing.push('make');
  if (python === undefined) {
    missing.push(
      `Python 3.8 or later: ${env.PYTHON ? `PYTHON=${env.PYTHON} does not run or is older` : 'neither python3 nor python is one'}`,
    );
  }
  return { missing, env: buildEnvironment(env, compiler.name, python) };
}

function buildEnvironment(env, compiler, python) {
  const headers = nodeHeaders();
  return {
    ...env,
    ...(compiler === undefined ? {} : { CXX: compiler }),
    ...(python === undefined ? {} : { PYTHON: python }),
    // Node's own headers, where it came with them: no download then, and surely the right version.
    ...(headers === undefined || env.npm_config_nodedir ? {} : { npm_config_nodedir: headers }),
  };
}

/** The folder above include/node of the Node that runs, if it was installed with its headers. */
function nodeHeaders() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? prefix : undefined;
}

/** The same in plain words, for a terminal. */
function explain(missing) {
  const width = Math.max(...INSTALL.map(([system]) => system.length));
  return [
    'nofault has a part in C++ that must be compiled here, and this machine lacks:',
    ...missing.map((what) => `  - ${what}`),
    'To install what it takes:',
    ...INSTALL.map(([system, command]) => `  ${system.padEnd(width)}  ${command}`),
  ].join('\n');
}

module.exports = { explain, inspectToolchain, nodeHeaders };
