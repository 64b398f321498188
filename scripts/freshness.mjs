// What has been made from which inputs. Fingerprints of contents rather than times of change: a branch switched to and back costs nothing, and a source
// file that was deleted counts as a change too.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** One hash over the names and contents of files; a folder stands for all files below it that `wanted` accepts. What does not exist counts as nothing. */
export function fingerprint(root, inputs, wanted = () => true) {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`);
  for (const input of inputs) {
    for (const file of filesUnder(root, input)) {
      if (!wanted(file)) continue;
      hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
    }
  }
  return hash.digest('hex');
}

/** The files at or below `path`, sorted, as paths from `root`. What node-gyp put beside a binding.gyp is a result, not an input. */
export function filesUnder(root, path) {
  let entries;
  try {
    entries = readdirSync(join(root, path), { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOTDIR') return [path];
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  const compiles = entries.some(({ name }) => name === 'binding.gyp');
  return entries
    .filter(({ name }) => name !== 'node_modules' && !(compiles && name === 'build'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? filesUnder(root, join(path, entry.name)) : [join(path, entry.name)]));
}

/** The fingerprints that results were made from, kept from run to run in one file. */
export class Ledger {
  #path;

  constructor(path) {
    this.#path = path;
  }

  has(name, print) {
    return this.#read()[name] === print;
  }

  write(name, print) {
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(this.#path, `${JSON.stringify({ ...this.#read(), [name]: print }, null, 2)}\n`);
  }

  #read() {
    return readJson(this.#path) ?? {};
  }
}

/** Whether node_modules holds what package-lock.json asks for, by npm's own record of what it put there. */
export function packagesInstalled(root) {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  const record = join(root, 'node_modules', '.package-lock.json');
  const present = readJson(record)?.packages;
  if (present === undefined) return false;
  // Without a lock file whatever was installed is right.
  if (wanted === undefined) return true;
  const places = Object.keys(wanted).filter((place) => place !== '');
  // Optional packages are absent where the system is another one or they could not be built.
  const complete = places.every((place) =>
    present[place] === undefined ? wanted[place].optional || wanted[place].devOptional : present[place].version === wanted[place].version,
  );
  return complete && Object.keys(present).every((place) => wanted[place] !== undefined);
}

function readJson(path) {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // Cut off in the middle of writing: as good as absent.
    return undefined;
  }
}
