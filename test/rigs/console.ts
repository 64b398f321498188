import { constants } from 'node:os';
import type { SlowDisk } from './slow-disk';
import type { ErrnoName, SlowFolder } from './slow-folder';

interface Line {
  /** What stands behind the word. */
  readonly words: string;
  readonly does: string;
  obey(rig: SlowFolder | SlowDisk, words: Words): Promise<unknown>;
}

/** The words behind a command, each with a name for the error where it is missing or wrong. */
class Words {
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  optional(): string | undefined {
    const word = this.#words[this.#at];
    this.#at += 1;
    return word;
  }

  required(what: string): string {
    const word = this.optional();
    if (word === undefined) throw new Error(`${what} is missing`);
    return word;
  }

  number(what: string): number {
    return asNumber(what, this.required(what));
  }

  optionalNumber(what: string): number | undefined {
    const word = this.optional();
    return word === undefined ? undefined : asNumber(what, word);
  }
}

const LINES: Readonly<Record<string, Line>> = {
  delay: {
    words: 'MS [NAME]',
    does: 'each read takes so long; on a folder also of one file',
    obey: (rig, words) => rig.delay(words.number('MS'), words.optional()),
  },
  fail: {
    words: 'NAME [OFFSET LENGTH [ERRNO [TIMES]]]',
    does: 'reads of these bytes fail, with EIO unless said otherwise',
    obey: (rig, words) =>
      rig.fail(words.required('NAME'), {
        offset: words.optionalNumber('OFFSET'),
        length: words.optionalNumber('LENGTH'),
        errno: errnoName(words.optional() ?? 'EIO'),
        times: words.optionalNumber('TIMES'),
      }),
  },
  hang: {
    words: 'NAME [OFFSET LENGTH]',
    does: 'reads of these bytes are not answered',
    obey: (rig, words) =>
      rig.hang(words.required('NAME'), { offset: words.optionalNumber('OFFSET'), length: words.optionalNumber('LENGTH') }),
  },
  'hang-everything': { words: '', does: 'nothing at all is answered', obey: (rig) => rig.hangEverything() },
  hung: { words: '', does: 'how many requests hang now', obey: (rig) => rig.hung() },
  release: { words: '', does: 'what hangs is answered', obey: (rig) => rig.release() },
  heal: { words: '', does: 'every fault goes', obey: (rig) => rig.heal() },
  truncate: {
    words: 'NAME SIZE',
    does: 'on a folder: the file changes its size on the server',
    obey: (rig, words) => onFolder(rig).truncate(words.required('NAME'), words.number('SIZE')),
  },
  revoke: {
    words: 'NAME',
    does: 'on a folder: the kernel forgets what it has cached',
    obey: (rig, words) => onFolder(rig).revoke(words.required('NAME')),
  },
  evict: {
    words: 'NAME',
    does: 'on a disk: drop what is cached and not mapped',
    obey: (rig, words) => onDisk(rig).evict(words.required('NAME')),
  },
  log: { words: '', does: 'the reads that came, and forget them', obey: showLog },
  kill: { words: '', does: 'the server dies', obey: (rig) => rig.kill() },
};

export const CONSOLE_HELP = Object.entries(LINES)
  .map(([word, { words, does }]) => `  ${`${word} ${words}`.padEnd(44)}${does}`)
  .join('\n');

/** Does what a line says; what there is to say about it. Rejects where the line is wrong. */
export async function obeyLine(rig: SlowFolder | SlowDisk, text: string): Promise<string> {
  const [word = '', ...words] = text.trim().split(/\s+/);
  if (word === '') return '';
  if (word === 'help') return CONSOLE_HELP;
  const line = Object.hasOwn(LINES, word) ? LINES[word] : undefined;
  if (line === undefined) throw new Error(`expected one of ${Object.keys(LINES).join(', ')} or help, but "${word}" came`);
  const answer = await line.obey(rig, new Words(words));
  return answer === undefined ? 'done' : String(answer);
}

async function showLog(rig: SlowFolder | SlowDisk): Promise<string> {
  const reads = await rig.log();
  await rig.forgetReads();
  const lines = reads.map(({ name, offset, length, came, answered, errno }) => {
    const took = answered === undefined ? 'not answered' : `${(answered - came).toFixed(1)} ms`;
    return `${came.toFixed(1)} ms: ${name} ${offset}+${length} ${took}${errno ? `, error ${errno}` : ''}`;
  });
  return lines.length === 0 ? 'no read came' : lines.join('\n');
}

function onFolder(rig: SlowFolder | SlowDisk): SlowFolder {
  if ('truncate' in rig) return rig;
  throw new Error('that is for a slow folder, and this is a disk');
}

function onDisk(rig: SlowFolder | SlowDisk): SlowDisk {
  if ('evict' in rig) return rig;
  throw new Error('that is for a slow disk, and this is a folder');
}

function asNumber(what: string, word: string): number {
  const value = Number(word);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${what} must be a whole number from 0 on, but "${word}" came`);
  return value;
}

function errnoName(word: string): ErrnoName {
  if (word in constants.errno) return word as ErrnoName;
  throw new Error(`ERRNO must be a name such as EIO, but "${word}" came`);
}
