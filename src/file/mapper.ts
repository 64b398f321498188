import { dirname, join } from 'node:path';
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
  chosen ??= choose(addon(), process.env.NOFAULT_MAPPER);
  return chosen;
}

function choose(native: Addon, wish: string | undefined): NonNullable<typeof chosen> {
  const mmapIo = wish === 'addon' ? undefined : loadMmapIo(wish === 'mmap-io');
  if (!mmapIo) return { name: 'addon', map: (length) => native.map(length) };
  // It takes sizes and offsets as 32-bit numbers, so it only ever maps the file's start, and less than 2 GiB of it; the window goes over that.
  return { name: 'mmap-io', map: (length, fd) => mmapIo.map(length, mmapIo.PROT_READ, mmapIo.MAP_SHARED, fd, 0) };
}

/**
 * Loads mmap-io's binding from where its package says that it is built. Its own entry point finds the same file with an installer's code, which takes
 * some 50 ms to load: too long for an event loop.
 */
function loadMmapIo(required: boolean): MmapIo | undefined {
  try {
    const manifest = require.resolve('mmap-io/package.json');
    const { module_name, module_path } = (require(manifest) as { binary: { module_name: string; module_path: string } }).binary;
    const folder = module_path
      .replace('{configuration}', 'Release')
      .replace('{node_abi}', `node-v${process.versions.modules}`)
      .replace('{platform}', process.platform)
      .replace('{arch}', process.arch);
    return require(join(dirname(manifest), folder, `${module_name}.node`)) as MmapIo;
  } catch (error) {
    if (required) throw error;
    return undefined;
  }
}
