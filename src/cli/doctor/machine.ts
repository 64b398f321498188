import { release } from 'node:os';
import { relative } from 'node:path';
import { mapper } from '../../file/mapper';
import type { SystemFiles } from '../../inspect/machine/system-files';
import { type Addon, addon, addonPath } from '../../native';
import { formatBytes } from '../format-bytes';
import type { Finding, Group } from './finding';
import { limits } from './limits';
import { memory } from './memory';
import { kernelQuestions, seccomp } from './questions';

/** Linux 5.14 brought MADV_POPULATE_READ, without which hits are not mapped in advance. */
const OLDEST_FULL_LINUX = [5, 14] as const;

/** What this machine and container allow, whatever the file. Never rejects: where the addon is missing, that is the finding. */
export async function examineMachine(files: SystemFiles): Promise<Group[]> {
  const host = { system: system(), node: node(), architecture: architecture(), addon: addonLoaded() };
  if (host.addon.verdict === 'bad') return [{ title: 'This machine', findings: host }];
  const native = addon();
  return [
    { title: 'This machine', findings: { ...host, mapper: mapperInUse() } },
    { title: 'What the kernel answers', findings: { ...kernelQuestions(await native.probe()), seccomp: seccomp(files) } },
    { title: 'Limits of this process', findings: limits(files, native) },
    { title: 'Memory', findings: memory(files) },
  ];
}

function system(): Finding {
  const name = 'System';
  const facts = { system: process.platform, release: release() };
  if (process.platform !== 'linux') {
    return { name, verdict: 'bad', value: `${process.platform} ${release()}`, meaning: 'nofault reads files on Linux only.', facts };
  }
  const [major = 0, minor = 0] = release()
    .split('.')
    .map((part) => Number.parseInt(part, 10));
  const full = major > OLDEST_FULL_LINUX[0] || (major === OLDEST_FULL_LINUX[0] && minor >= OLDEST_FULL_LINUX[1]);
  return {
    name,
    verdict: full ? 'good' : 'limited',
    value: `Linux ${release()}`,
    meaning: full
      ? 'New enough for how nofault maps what is cached.'
      : 'nofault works, and each page that is read first takes a minor fault.',
    ...(full ? {} : { advice: 'Linux 5.14 or later, better 6.7' }),
    facts,
  };
}

function node(): Finding {
  const { node: version, modules, napi } = process.versions;
  const meaning = 'The addon speaks Node-API 8, which every Node that nofault runs on has.';
  return { name: 'Node', verdict: 'good', value: version, meaning, facts: { version, abi: modules, napi: napi ?? null } };
}

function architecture(): Finding {
  const pageBytes = nativeIfLoaded()?.pageSize ?? null;
  const pages = pageBytes === null ? '' : `, pages of ${formatBytes(pageBytes)}`;
  return {
    name: 'Architecture',
    verdict: 'good',
    value: process.arch + pages,
    meaning: 'Files are asked about, fetched and mapped in whole pages.',
    facts: { architecture: process.arch, pageBytes },
  };
}

function addonLoaded(): Finding {
  const name = 'Addon';
  try {
    addon();
  } catch (error) {
    return {
      name,
      verdict: 'bad',
      value: 'not loaded',
      meaning: error instanceof Error ? `${sentence(error.message)}.` : 'It could not be loaded.',
      ...(process.platform === 'linux' && { advice: 'npm rebuild nofault, with python3 and a C++ compiler installed' }),
      facts: { loaded: false, origin: null, path: null },
    };
  }
  const path = addonPath();
  const origin = /[/\\]prebuilds[/\\]/.test(path) ? 'prebuild' : 'build';
  return {
    name,
    verdict: 'good',
    value: origin === 'prebuild' ? 'loaded, as it came with the package' : 'loaded, built on this machine',
    meaning: `It is ${shortest(path)}.`,
    facts: { loaded: true, origin, path },
  };
}

function mapperInUse(): Finding {
  const name = 'Mapper';
  const wish = process.env.NOFAULT_MAPPER ?? null;
  try {
    const { name: chosen } = mapper();
    const asked = wish === null ? '' : ', as NOFAULT_MAPPER asks for';
    return {
      name,
      verdict: 'good',
      value: chosen === 'mmap-io' ? `mmap-io${asked}` : `the addon's own${asked}`,
      meaning:
        chosen === 'mmap-io' || wish !== null
          ? 'It maps address ranges; the addon lays windows of files over them.'
          : 'mmap-io is optional and was not built here. Windows are mapped all the same, and as fast.',
      facts: { mapper: chosen, wish },
    };
  } catch (error) {
    return {
      name,
      verdict: 'bad',
      value: 'none',
      meaning: `NOFAULT_MAPPER asks for mmap-io, and it does not load: ${error instanceof Error ? error.message.split('\n')[0] : error}`,
      advice: "unset NOFAULT_MAPPER, and the addon's own is taken",
      facts: { mapper: null, wish },
    };
  }
}

function nativeIfLoaded(): Addon | undefined {
  try {
    return addon();
  } catch {
    return undefined;
  }
}

function shortest(path: string): string {
  const below = relative(process.cwd(), path);
  return below.startsWith('..') ? path : below;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
