import { availableParallelism } from 'node:os';
import { processorLimitOf } from '../../inspect/machine/control-groups';
import { fieldIn, numberIn, type SystemFiles } from '../../inspect/machine/system-files';
import type { Addon } from '../../native';
import { formatBytes } from '../format-bytes';
import { count, type Finding, type Findings } from './finding';

/** The kernel's default of vm.max_map_count. */
const USUAL_MAPPINGS = 65_530;

/** The bit of CAP_IPC_LOCK in a set of capabilities, linux/capability.h. */
const CAP_IPC_LOCK = 1n << 14n;

/** What bounds the process: mappings, locked memory, processors. */
export function limits(files: SystemFiles, native: Addon): Findings {
  return { mappings: mappings(files, native), lockedMemory: lockedMemory(files), processors: processors(files) };
}

function mappings(files: SystemFiles, { maxWindows, windowStride }: Addon): Finding {
  const max = numberIn(files, '/proc/sys/vm/max_map_count') ?? null;
  const used = files.text('/proc/self/maps')?.split('\n').length ?? null;
  const usual = max === null || max >= USUAL_MAPPINGS;
  const windows = `${count(maxWindows)} ${maxWindows === 1 ? 'window' : 'windows'}`;
  return {
    name: 'Mappings',
    verdict: usual ? 'good' : 'limited',
    value: max === null ? 'limit unknown' : used === null ? `at most ${count(max)}` : `${count(used)} of ${count(max)} in use`,
    meaning: `nofault takes half at most: ${windows}, which show ${formatBytes(maxWindows * windowStride)} of files at once. Beyond, those not in use are let go.`,
    ...(usual ? {} : { advice: `sysctl vm.max_map_count=${USUAL_MAPPINGS}, or more` }),
    facts: { max, used, maxWindows, windowBytes: windowStride, maxMappedBytes: maxWindows * windowStride },
  };
}

function lockedMemory(files: SystemFiles): Finding {
  const name = 'Locked memory';
  const row = /^Max locked memory +(\S+) +(\S+)/m.exec(files.text('/proc/self/limits') ?? '');
  const [soft, hard] = [bytesOrUnlimited(row?.[1]), bytesOrUnlimited(row?.[2])];
  const capabilities = fieldIn(files.text('/proc/self/status'), 'CapEff');
  const privileged = capabilities === undefined ? null : (BigInt(`0x${capabilities}`) & CAP_IPC_LOCK) !== 0n;
  const facts = {
    limitBytes: typeof soft === 'number' ? soft : null,
    hardLimitBytes: typeof hard === 'number' ? hard : null,
    unlimited: privileged === true || (soft === undefined ? null : soft === 'unlimited'),
    capIpcLock: privileged,
  };
  if (facts.unlimited) {
    const value = privileged ? 'unlimited (CAP_IPC_LOCK)' : 'unlimited';
    return { name, verdict: 'good', value, meaning: 'As much of files can be locked in memory as memory has room for.', facts };
  }
  if (typeof soft !== 'number') {
    const meaning = 'How much of files can be locked in memory shows only when it is tried.';
    return { name, verdict: 'limited', value: 'unknown', meaning, advice: 'ulimit -l', facts };
  }
  const room = hard === 'unlimited' || (typeof hard === 'number' && hard > soft);
  return {
    name,
    verdict: 'limited',
    value: `at most ${formatBytes(soft)}`,
    meaning: 'No more than that of files can be locked in memory, all locks of this process together. Reading needs no lock.',
    advice: room
      ? 'ulimit -l unlimited'
      : 'ulimit -l, after raising "memlock" in limits.conf, LimitMEMLOCK= or docker run --ulimit; or CAP_IPC_LOCK',
    facts,
  };
}

function bytesOrUnlimited(text: string | undefined): number | 'unlimited' | undefined {
  if (text === undefined || text === 'unlimited') return text as 'unlimited' | undefined;
  const bytes = Number(text);
  return Number.isFinite(bytes) ? bytes : undefined;
}

function processors(files: SystemFiles): Finding {
  const usable = availableParallelism();
  const limit = processorLimitOf(files) ?? null;
  const facts = { usable, limit };
  const value =
    count(usable) + (limit === null ? '' : `, ${limit.toFixed(2).replace(/\.?0+$/, '')} of them at a time by the control group`);
  if (limit !== null && limit < usable) {
    const meaning = 'When that time is used up, the whole process stands still for up to a tenth of a second, its event loop too.';
    return { name: 'Processors', verdict: 'limited', value, meaning, advice: 'a higher cpu limit for the container or service', facts };
  }
  if (usable === 1) {
    const meaning = 'The threads that fetch take turns with the event loop, so that a busy one delays arrivals.';
    return { name: 'Processors', verdict: 'limited', value, meaning, facts };
  }
  return { name: 'Processors', verdict: 'good', value, meaning: 'The threads that fetch run beside the event loop.', facts };
}
