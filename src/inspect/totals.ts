import type { FileResidency, KernelCounts, Totals } from './contract';

/** Sums that grow. */
export class Sums implements Totals {
  files = 0;
  failed = 0;
  size = 0;
  residentBytes = 0;
  unknownBytes = 0;
  readonly kernel: { -readonly [Column in keyof KernelCounts]: number } = {
    dirtyBytes: 0,
    writebackBytes: 0,
    evictedBytes: 0,
    recentlyEvictedBytes: 0,
  };

  add(file: FileResidency): void {
    if (file.error !== undefined) {
      this.failed += 1;
      return;
    }
    if (file.again) return;
    this.files += 1;
    this.size += file.size;
    this.residentBytes += file.residentBytes;
    this.unknownBytes += file.unknownBytes;
    const { kernel } = file;
    if (kernel === undefined) return;
    this.kernel.dirtyBytes += kernel.dirtyBytes;
    this.kernel.writebackBytes += kernel.writebackBytes;
    this.kernel.evictedBytes += kernel.evictedBytes;
    this.kernel.recentlyEvictedBytes += kernel.recentlyEvictedBytes;
  }
}
