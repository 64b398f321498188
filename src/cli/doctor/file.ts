import { open } from '../../file/open';
import { type Mount, mountsOf } from '../../inspect/machine/mounts';
import type { SystemFiles } from '../../inspect/machine/system-files';
import { addon, type FileFacts } from '../../native';
import { pathOf } from '../file-names';
import { formatBytes, formatShare } from '../format-bytes';
import { type Device, deviceOf } from './device';
import { count, errnoName, type Finding, type Group } from './finding';

/** Bytes of one piece that nofault asks the kernel for (docs/kernel.md, section 7). */
const PIECE = 128 * 1024;

/**
 * What the file and the storage below it allow. Reads its first page, and nothing else of it. Rejects as `open` does for what is missing, may not be read,
 * or is no regular file, and waits as long as the storage does.
 */
export async function examineFile(name: string, files: SystemFiles): Promise<Group[]> {
  // The share first: what follows reads a page.
  const map = await mapOf(name);
  const facts = await addon().probe(Buffer.from(pathOf(name) as string));
  const mount = mountsOf(files).find(({ id }) => id === facts.mount);
  const device = deviceOf(files, facts.device, mount);
  return [
    { title: 'The file', findings: { size: size(facts), residency: residency(map, facts), firstPage: firstPage(facts) } },
    {
      title: 'What the kernel answers about it',
      findings: { mincore: mincore(facts), cachestat: cachestat(facts), readNow: readNow(facts), trust: trust(facts) },
    },
    {
      title: 'Its storage',
      findings: { fileSystem: fileSystem(facts, mount), device: deviceBelow(facts, device), willNeed: willNeed(device) },
    },
  ];
}

interface Shares {
  readonly residentBytes: number;
  readonly unknownBytes: number;
}

async function mapOf(name: string): Promise<Shares> {
  const file = await open(pathOf(name));
  try {
    return await file.residency();
  } finally {
    await file.close();
  }
}

function size(facts: FileFacts): Finding {
  const { windowStride, maxWindows } = addon();
  const windows = Math.ceil(facts.size / windowStride);
  if (windows === 0) return { name: 'Size', verdict: 'good', value: '0 B', meaning: 'The file is empty.', facts: { bytes: 0, windows } };
  const fits = windows <= maxWindows;
  return {
    name: 'Size',
    verdict: fits ? 'good' : 'limited',
    value: formatBytes(facts.size),
    meaning: fits
      ? `To be read it takes ${windows === 1 ? 'one mapping' : `${count(windows)} mappings`} at most.`
      : `It takes ${count(windows)} mappings, more than nofault may have: parts that are not in use are unmapped and mapped anew.`,
    ...(fits ? {} : { advice: `sysctl vm.max_map_count=${windows * 2 + 1000}` }),
    facts: { bytes: facts.size, windows },
  };
}

/** Not known where mincore is not to be believed, whatever it says. */
function residency({ residentBytes, unknownBytes }: Shares, { size, mincore }: FileFacts): Finding {
  const name = 'In memory';
  if (size === 0) {
    return {
      name,
      verdict: 'good',
      value: '-',
      meaning: 'There is nothing to be in memory.',
      facts: { residentBytes: 0, unknownBytes: 0 },
    };
  }
  if (mincore !== 'truthful' || unknownBytes === size) {
    const meaning = 'The kernel does not tell you what of the file is in memory.';
    return { name, verdict: 'limited', value: 'unknown', meaning, facts: { residentBytes: null, unknownBytes: size } };
  }
  return {
    name,
    verdict: 'good',
    value: `${formatBytes(residentBytes)}, ${formatShare(residentBytes, size)}`,
    meaning: 'As of a moment ago; nofault inspect FILE shows where.',
    facts: { residentBytes, unknownBytes },
  };
}

function fileSystem(facts: FileFacts, mount: Mount | undefined): Finding {
  const type = mount?.type ?? facts.fileSystem;
  const at = mount?.point ?? null;
  return {
    name: 'File system',
    verdict: facts.local ? 'good' : 'limited',
    value: at === null ? type : `${type}, mounted at ${at}`,
    meaning: facts.local
      ? 'It is local: its pages leave memory only through this kernel.'
      : facts.fileSystem === 'unknown' && !type.startsWith('fuse')
        ? 'nofault does not know it, and treats it as one behind which a server stands.'
        : 'A server, or a program, stands behind it: reads may take its time, and it can take pages back.',
    facts: { type, mountPoint: at, local: facts.local },
  };
}

/** Decided by the kind of file system alone. */
function trust({ local }: FileFacts): Finding {
  return {
    name: 'Trust',
    verdict: local ? 'good' : 'limited',
    value: local ? 'watched' : 'one turn of the loop',
    meaning: local
      ? 'That a page is resident is believed as long as nofault keeps asking anew in the background.'
      : 'That a page is resident is believed for one turn of the event loop; later reads ask the kernel again.',
    facts: { stand: local ? 'watched' : 'turn' },
  };
}

function mincore({ mincore: answer, owner }: FileFacts): Finding {
  const name = 'mincore';
  const facts = { answer, owner };
  const counts = 'a page counts as a hit only once this process has mapped it, and as a miss before.';
  switch (answer) {
    case 'truthful':
      return { name, verdict: 'good', value: 'truthful', meaning: 'The kernel tells you which pages are in memory.', facts };
    case 'wrong':
      return {
        name,
        verdict: 'limited',
        value: 'pretends',
        meaning: `It calls every page resident, to you who may neither write the file nor own it. So ${counts}`,
        advice: `run as its owner (uid ${owner}), or be allowed to write to it`,
        facts,
      };
    case 'refused':
      return { name, verdict: 'limited', value: 'refused', meaning: `The kernel does not answer, so ${counts}`, facts };
    default:
      return { name, verdict: 'bad', value: 'cannot be asked', meaning: 'The file cannot be mapped.', facts };
  }
}

function cachestat({ cachestat: answer }: FileFacts): Finding {
  const name = 'cachestat';
  const facts = { answer };
  const without = 'nofault does without: misses are read a little more slowly, and a map of a large file takes longer.';
  switch (answer) {
    case 'truthful':
      return { name, verdict: 'good', value: 'truthful', meaning: 'It counted the page that was just read.', facts };
    case 'wrong':
      return {
        name,
        verdict: 'limited',
        value: 'wrong',
        meaning: `It counts nothing here (the pages belong to a file system below); ${without}`,
        facts,
      };
    case 'refused':
      return {
        name,
        verdict: 'limited',
        value: 'refused',
        meaning: `The kernel tells it to owners and writers only, or not at all; ${without}`,
        facts,
      };
    default:
      return { name, verdict: 'good', value: 'not tried', meaning: 'There was no page to try it on.', facts };
  }
}

function firstPage({ firstRead, firstPopulate }: FileFacts): Finding {
  const name = 'First page';
  const facts = { readErrno: errnoOrNull(firstRead), populateErrno: errnoOrNull(firstPopulate), tried: firstRead !== -1 };
  if (firstRead === -1) return { name, verdict: 'good', value: 'none', meaning: 'There is nothing to read.', facts };
  if (firstRead !== 0) {
    const meaning = 'The storage failed to read it; reads of such pages reject with IO, and the others are served.';
    return { name, verdict: 'bad', value: `cannot be read (${errnoName(firstRead)})`, meaning, advice: 'dmesg says what failed', facts };
  }
  if (firstPopulate !== 0) {
    const meaning = 'It can be read, and not be mapped in advance: the first touch of each page takes a minor fault.';
    return { name, verdict: 'limited', value: `not populated (${errnoName(firstPopulate)})`, meaning, facts };
  }
  return { name, verdict: 'good', value: 'read and mapped', meaning: 'MADV_POPULATE_READ works on this file.', facts };
}

function errnoOrNull(errno: number): number | null {
  return errno > 0 ? errno : null;
}

function readNow({ readNow: errno }: FileFacts): Finding {
  const name = 'RWF_NOWAIT';
  const facts = { supported: errno === 0, errno: errnoOrNull(errno) };
  if (errno === 0) {
    return { name, verdict: 'good', value: 'supported', meaning: 'read and tryRead copy in a way that cannot wait.', facts };
  }
  return {
    name,
    verdict: 'limited',
    value: `not supported (${errnoName(errno)})`,
    meaning: 'read and tryRead copy from the mapping: should a page leave memory in that very moment, the event loop waits for it.',
    facts,
  };
}

function deviceBelow({ device: number }: FileFacts, { name, readAhead, longestRequest }: Device): Finding {
  const value = [name ?? 'no block device', readAhead !== undefined && `reads ahead ${formatBytes(readAhead)}`].filter(Boolean).join(', ');
  return {
    name: 'Device',
    verdict: 'good',
    value: value + (longestRequest === undefined ? '' : `, ${formatBytes(longestRequest)} a request`),
    meaning:
      readAhead === undefined
        ? 'No read-ahead of it can be seen from here.'
        : 'A fault on a plain mapping reads that far around the page. nofault reads what was asked for.',
    facts: { number, name: name ?? null, readAheadBytes: readAhead ?? null, longestRequestBytes: longestRequest ?? null },
  };
}

/** One request for pages reads no more than the larger of the two, and reports success (docs/kernel.md, section 7). */
function willNeed({ readAhead, longestRequest }: Device): Finding {
  const name = 'WILLNEED';
  const pieceBytes = PIECE;
  if (readAhead === undefined && longestRequest === undefined) {
    const meaning = `nofault asks in pieces of ${formatBytes(PIECE)}, and checks what arrived.`;
    return { name, verdict: 'good', value: 'unknown', meaning, facts: { maxBytes: null, pieceBytes } };
  }
  const maxBytes = Math.max(readAhead ?? 0, longestRequest ?? 0);
  const whole = maxBytes >= PIECE;
  return {
    name,
    verdict: whole ? 'good' : 'limited',
    value: `reads at most ${formatBytes(maxBytes)}`,
    meaning: whole
      ? `nofault asks in pieces of ${formatBytes(PIECE)}, which fit.`
      : `nofault asks in pieces of ${formatBytes(PIECE)}, which are cut short here without a word: the rest is read page by page.`,
    ...(whole ? {} : { advice: 'a larger read_ahead_kb: blockdev --setra 256 DEVICE' }),
    facts: { maxBytes, pieceBytes },
  };
}
