import { type Addon, addon } from '../native';

/** Maps `length` bytes and returns them as a Buffer; the addon then lays a window of the file over them. `fd` is the file's. */
export type Mapper = (length: number, fd: number) => Buffer;

interface MmapIo {
  readonly PROT_READ: number;
  readonly MAP_SHARED: number;
  map(length: number, protection: number, flags: number, fd: number, offset: number): Buffer;
}

let chosen: { readonly name: 'mmap-io' | 'addon'; readonly map: Mapper } | undefined;

/**
 * The mapper of this process: mmap-io, or the addon's own where mmap-io could not be built. The environment variable NOFAULT_MAPPER (`mmap-io` or
 * `addon`) decides otherwise, for tests.
 */
export function mapper(): NonNullable<typeof chosen> {
  chosen ??= choose(addon(), process.env['NOFAULT_MAPPER']);
  return chosen;
}

function choose(native: Addon, wish: string | undefined): NonNullable<typeof chosen> {
  const mmapIo = wish === 'addon' ? undefined : loadMmapIo(wish === 'mmap-io');
  if (!mmapIo) return { name: 'addon', map: (length) => native.map(length) };
  // It takes sizes and offsets as 32-bit numbers, so it only ever maps the file's start, and less than 2 GiB of it; the window goes over that.
  return { name: 'mmap-io', map: (length, fd) => mmapIo.map(length, mmapIo.PROT_READ, mmapIo.MAP_SHARED, fd, 0) };
}

function loadMmapIo(required: boolean): MmapIo | undefined {
  try {
    const module = require('mmap-io') as MmapIo & { default?: MmapIo };
    return module.default ?? module;
  } catch (error) {
    if (required) throw error;
    return undefined;
  }
}
