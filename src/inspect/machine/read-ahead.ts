import { numberIn, systemFiles } from './system-files';

/** Bytes that the kernel reads ahead of who reads a file of a device (`major:minor`) in order, at most; 0 where that cannot be seen. */
export function readAheadOf(device: string): number {
  return (numberIn(systemFiles, `/sys/class/bdi/${device}/read_ahead_kb`) ?? 0) * 1024;
}
