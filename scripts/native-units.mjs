// The programs of test/native: what each is made of, compiled with a sanitizer and run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, normalize } from 'node:path';
import { filesUnder, fingerprint, Ledger } from './freshness.mjs';

const TESTS = join('test', 'native');
/** In place of node-addon-api: the units are what of the addon needs no JavaScript. */
const NO_JAVASCRIPT = join(TESTS, 'no-javascript');
/** Where these programs' headers are looked for. */
export const INCLUDED = [`-I${NO_JAVASCRIPT}`, '-Inative'];
const FLAGS = ['-std=c++20', '-D_GNU_SOURCE', '-O1', '-g', '-fno-omit-frame-pointer', '-Wall', '-Wextra', '-Wno-unused-parameter'];

/** What tries the sanitizer, and is no unit. */
export const CAUGHT = 'caught';

export function isNativeUnit(file) {
  return dirname(file) === TESTS;
}

export class NativeUnits {
  #root;
  #compiler;
  #sanitizer;
  #ledger;

  /** `sanitizer` as in -fsanitize=, `compiler` a command and its first words. */
  constructor(root, compiler, sanitizer) {
    this.#root = root;
    this.#compiler = compiler;
    this.#sanitizer = sanitizer;
    this.#ledger = new Ledger(join(root, this.#folder, 'made.json'));
  }

  get #folder() {
    return join('.build', 'native-units', this.#sanitizer.replace(',', '-'));
  }

  /** Names of the programs. */
  get names() {
    return filesUnder(this.#root, TESTS)
      .filter((file) => dirname(file) === TESTS && this.#isProgram(file))
      .map((file) => basename(file, '.cc'));
  }

  program(name) {
    return join(this.#root, this.#folder, name);
  }

  /** Compiles what is older than its sources, and links the programs. */
  async build(names) {
    const sources = new Map(names.map((name) => [name, this.#sourcesOf(join(TESTS, `${name}.cc`))]));
    const objects = new Set([...sources.values()].flat());
    await inParallel([...objects], (source) => this.#compile(source));
    await inParallel(names, (name) => {
      const made = sources.get(name).map((source) => this.#objectOf(source));
      return run([...this.#compiler, `-fsanitize=${this.#sanitizer}`, ...made, '-o', this.program(name)], this.#root);
    });
  }

  async #compile(source) {
    const object = this.#objectOf(source);
    const print = fingerprint(this.#root, [...this.#included(source), NO_JAVASCRIPT]);
    if (existsSync(join(this.#root, object)) && this.#ledger.has(object, print)) return;
    mkdirSync(join(this.#root, dirname(object)), { recursive: true });
    const words = [...FLAGS, `-fsanitize=${this.#sanitizer}`, ...INCLUDED, '-c', source, '-o', object];
    await run([...this.#compiler, ...words], this.#root);
    this.#ledger.write(object, print);
  }

  #objectOf(source) {
    return join(this.#folder, `${source}.o`);
  }

  #isProgram(file) {
    return file.endsWith('.cc') && /^int main\(/m.test(this.#text(file));
  }

  /** A program's source and, as far as headers lead, those of all units that it needs. A source in test/native stands in for the unit of that name. */
  #sourcesOf(program) {
    const sources = new Set([program]);
    for (const source of sources) {
      for (const header of this.#included(source).filter((file) => file.endsWith('.h'))) {
        const standIn = join(TESTS, `${basename(header, '.h')}.cc`);
        const own = header.replace(/\.h$/, '.cc');
        if (existsSync(join(this.#root, standIn)) && !this.#isProgram(standIn)) sources.add(standIn);
        else if (existsSync(join(this.#root, own))) sources.add(own);
      }
    }
    return [...sources];
  }

  /** A file and all of ours that it includes, directly or not. */
  #included(file) {
    const files = new Set([file]);
    for (const one of files) {
      for (const [, name] of this.#text(one).matchAll(/^#include "([^"]+)"/gm)) {
        const found = [normalize(join(dirname(one), name)), join('native', name)].find((path) => existsSync(join(this.#root, path)));
        if (found !== undefined) files.add(found);
      }
    }
    return [...files];
  }

  #text(file) {
    return readFileSync(join(this.#root, file), 'utf8');
  }
}

async function run([command, ...words], cwd) {
  const child = spawn(command, words, { cwd, stdio: ['ignore', 2, 2] });
  const [status] = await once(child, 'exit');
  if (status !== 0) throw new Error(`${command} ${words.join(' ')} failed; the reason stands above`);
}

async function inParallel(items, work) {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}
