import type { FileResidency, KernelCounts, Totals } from './contract';

/** Sums that grow. */
export class Sums implements Totals {
  files = 0;
  failed = 0;
  size = 0;
  residentBytes = 0;
  unknownBytes = 0;
  kernel?: { -readonly [Column in keyof KernelCounts]: number } = {
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
    // Of an empty file nothing can be dirty.
    if (file.size > 0) this.#addKernel(file.kernel);
  }

  #addKernel(kernel: KernelCounts | undefined): void {
    if (kernel === undefined) delete this.kernel;
    if (kernel === undefined || this.kernel === undefined) return;
    this.kernel.dirtyBytes += kernel.dirtyBytes;
    this.kernel.writebackBytes += kernel.writebackBytes;
    this.kernel.evictedBytes += kernel.evictedBytes;
    this.kernel.recentlyEvictedBytes += kernel.recentlyEvictedBytes;
  }
}
