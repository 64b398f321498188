import { readFileSync } from 'node:fs';

/** Bytes that this process has made the storage read so far, read-ahead included (`read_bytes` of /proc/self/io). */
export function bytesRead(): number {
  const line = /^read_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'latin1'));
  if (line === null) throw new Error('/proc/self/io has no line read_bytes: this kernel was built without CONFIG_TASK_IO_ACCOUNTING');
  return Number(line[1]);
}
