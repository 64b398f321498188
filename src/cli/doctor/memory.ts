import { memoryLimitOf } from '../../inspect/machine/control-groups';
import { bytesIn, type SystemFiles } from '../../inspect/machine/system-files';
import { formatBytes, formatShare } from '../format-bytes';
import type { Finding, Findings } from './finding';
import { earlyReclaim } from './reclaim';

/** How much memory there is for pages of files, and what takes them out of it. */
export function memory(files: SystemFiles): Findings {
  const info = files.text('/proc/meminfo');
  return { memory: machineMemory(info), memoryLimit: memoryLimit(files), earlyReclaim: early(files), swap: swap(info) };
}

function machineMemory(info: string | undefined): Finding {
  const totalBytes = bytesIn(info, 'MemTotal') ?? null;
  const availableBytes = bytesIn(info, 'MemAvailable') ?? null;
  return {
    name: 'Memory',
    verdict: 'good',
    value:
      totalBytes === null || availableBytes === null ? 'unknown' : `${formatBytes(availableBytes)} of ${formatBytes(totalBytes)} available`,
    meaning: 'What is available can hold pages of files; what of them is used least leaves first.',
    facts: { totalBytes, availableBytes },
  };
}

function memoryLimit(files: SystemFiles): Finding {
  const name = 'Memory limit';
  const found = memoryLimitOf(files);
  const facts = {
    version: found?.version ?? null,
    limitBytes: found?.limit ?? null,
    usedBytes: found?.used ?? null,
    fileBytes: found?.file ?? null,
  };
  if (!found) {
    const meaning = 'No control group of this process that counts memory can be seen from here; one may still set a limit.';
    return { name, verdict: 'good', value: 'none to be seen', meaning, facts };
  }
  if (found.limit === undefined) {
    const meaning = `The control group (version ${found.version}) sets none, so that all of the machine's memory can hold pages of files.`;
    return { name, verdict: 'good', value: 'none', meaning, facts };
  }
  const { limit, used, file } = found;
  const full = used === undefined ? '' : `, ${formatShare(used, limit)} full`;
  const cached = file === undefined ? '' : ` (${formatBytes(file)} are now)`;
  return {
    name,
    verdict: 'limited',
    value: `${formatBytes(limit)}${full}`,
    meaning: `Pages of files that this process reads count against it beside the heap${cached}; what does not fit leaves again, though the machine has room.`,
    advice: 'a higher memory limit for the container or service, if what is read often does not fit',
    facts,
  };
}

function early(files: SystemFiles): Finding {
  const name = 'Early reclaim';
  const found = earlyReclaim(files);
  const facts = { active: found?.active ?? null, by: found?.by.join(',') ?? null };
  if (!found) {
    const meaning = 'Whether DAMON takes pages out of memory early cannot be seen; root can, where the kernel has it.';
    return { name, verdict: 'good', value: 'none to be seen', meaning, facts };
  }
  if (!found.active) return { name, verdict: 'good', value: 'none', meaning: 'Pages leave when memory is short, not before.', facts };
  return {
    name,
    verdict: 'limited',
    value: `active: DAMON (${found.by.join(', ')})`,
    meaning: 'Pages that are not used for a while leave though memory is free, so that the first read after a pause is a miss.',
    advice: 'lock what must stay, or stop the scheme below /sys/kernel/mm/damon',
    facts,
  };
}

function swap(info: string | undefined): Finding {
  const name = 'Swap';
  const totalBytes = bytesIn(info, 'SwapTotal') ?? null;
  const free = bytesIn(info, 'SwapFree');
  const usedBytes = totalBytes === null || free === undefined ? null : totalBytes - free;
  const facts = { totalBytes, usedBytes };
  if (totalBytes === 0) return { name, verdict: 'good', value: 'none', meaning: 'The heap stays in memory.', facts };
  if (totalBytes === null || usedBytes === null) {
    return { name, verdict: 'good', value: 'unknown', meaning: 'Where there is swap, the heap can leave memory too.', facts };
  }
  const value = `${formatBytes(usedBytes)} of ${formatBytes(totalBytes)} in use`;
  if (usedBytes === 0) {
    return {
      name,
      verdict: 'good',
      value,
      meaning: 'Should memory run short, the heap can be swapped out, and touching it then holds the loop.',
      facts,
    };
  }
  return {
    name,
    verdict: 'limited',
    value,
    meaning: 'Memory of processes is being swapped out. Where that is the heap, touching it holds the event loop, whatever nofault does.',
    advice: 'more memory, or a lower vm.swappiness',
    facts,
  };
}
