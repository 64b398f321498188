import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'nofault';
import { baseline } from './baseline';
import type { Figure, Surroundings } from './contract';
import { inFolder, sparseFile } from './inspect-files';
import { loopDelayDuring, loopDelayIdle } from './loop-delay';
import { compete, figure, type Samples } from './rounds';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const PLACES = 1000;

/** `residency()` of one file: of what is all in memory, of what is not at all, and of what is nearly nowhere. */
export async function residencyFigures(surroundings: Surroundings): Promise<Figure[]> {
  const { files, quick, narrate } = surroundings;
  const rounds = quick ? 5 : 11;
  narrate('residency() of a file of 2 GiB, all of it in memory');
  const cached = files.ofMebibytes(2048);
  const warm = await beside(
    cached.path,
    cached.size,
    rounds,
    () => cached.readThrough(),
    (resident) => resident === cached.size,
  );

  return inFolder(files, 0, async (folder) => {
    narrate('residency() of a file of 8 GiB, none of it in memory');
    const coldPath = join(folder, 'cold');
    sparseFile(coldPath, 8 * GIB);
    const cold = await beside(
      coldPath,
      8 * GIB,
      rounds,
      () => {},
      (resident) => resident === 0,
    );
    narrate('residency() of a file of 1 TiB, 1 GiB of it in memory');
    const vast = await terabyte(join(folder, 'vast'), rounds);
    return [
      warm.ratio('mincore_over_residency', 'mincore', 'residency', 'one mincore of a cached 2 GiB file in C++, over residency()', {
        atLeast: 0.8,
      }),
      cold.ratio('mincore_over_coldResidency', 'mincore', 'residency', 'the same of a cold 8 GiB file', { atLeast: 50 }),
      ...vast,
      warm.cost('residency_ms', 'residency', 'residency() of the cached 2 GiB file'),
      warm.cost('mincore_ms', 'mincore', 'mincore of it'),
      cold.cost('coldResidency_ms', 'residency', 'residency() of the cold 8 GiB file'),
      cold.cost('coldMincore_ms', 'mincore', 'mincore of it'),
    ];
  });
}

/** Milliseconds; rounds in which a page had left or come do not count. */
async function beside(
  path: string,
  size: number,
  rounds: number,
  prepare: () => void,
  fine: (residentBytes: number) => boolean,
): Promise<Samples> {
  const file = await open(path);
  const fd = openSync(path, 'r');
  const first = new Uint32Array(1);
  const pages = Math.ceil(size / baseline.pageSize);
  try {
    return await compete(
      [
        {
          name: 'mincore',
          prepare,
          run: () => {
            const map = new baseline.PlainMap(fd, size, 'normal');
            const nanoseconds = map.ask(first, pages);
            const resident = map.residentPages() * baseline.pageSize;
            map.unmap();
            return fine(Math.min(size, resident)) ? nanoseconds / 1e6 : undefined;
          },
        },
        {
          name: 'residency',
          prepare,
          run: async () => {
            const start = performance.now();
            const { residentBytes } = await file.residency();
            const milliseconds = performance.now() - start;
            return fine(residentBytes) ? milliseconds : undefined;
          },
        },
      ],
      { rounds, warmUp: 2 },
    );
  } finally {
    closeSync(fd);
    await file.close();
  }
}

async function terabyte(path: string, rounds: number): Promise<Figure[]> {
  sparseFile(path, 2 ** 40, PLACES, Math.ceil(GIB / PLACES / baseline.pageSize) * baseline.pageSize);
  const file = await open(path);
  const milliseconds: number[] = [];
  const delays: number[] = [];
  let resident = 0;
  try {
    for (let round = 0; round < rounds; round++) {
      const { longest, elapsed } = await loopDelayDuring(async () => {
        const map = await file.residency();
        resident = map.residentBytes;
      });
      milliseconds.push(elapsed);
      delays.push(Math.max(0, longest - (await loopDelayIdle(elapsed)).longest));
    }
  } finally {
    await file.close();
  }
  return [
    figure('terabyteMs', milliseconds, 'residency() of a sparse 1 TiB file with 1 GiB in memory in 1,000 places, ms', { atMost: 1000 }),
    figure('terabyteLoopMs', delays, 'longest delay of the loop meanwhile, beyond idleness, ms'),
    { key: 'terabyteResident_MiB', value: resident / MIB, what: 'what it found in memory' },
  ];
}
