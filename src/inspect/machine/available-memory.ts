import { memoryLimitOf } from './control-groups';
import { bytesIn, type SystemFiles, systemFiles } from './system-files';

/**
 * Bytes of files that memory has room for without taking any away from programs: what the machine has available, or the control group still allows, whichever
 * is less. Undefined where neither can be found out.
 */
export function availableMemory(files: SystemFiles = systemFiles): number | undefined {
  const machine = bytesIn(files.text('/proc/meminfo'), 'MemAvailable');
  const group = memoryLimitOf(files);
  // Pages of files that the group holds already make room for others.
  const room = group?.limit === undefined ? undefined : group.limit - (group.used ?? 0) + (group.file ?? 0);
  const known = [machine, room].filter((bytes) => bytes !== undefined);
  return known.length === 0 ? undefined : Math.max(0, Math.min(...known));
}
