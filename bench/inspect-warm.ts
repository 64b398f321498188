import { warm } from 'nofault';
import type { Figure, Surroundings } from './contract';
import { loopDelayDuring, loopDelayIdle } from './loop-delay';
import { compete, figure } from './rounds';
import { vmtouchIsThere, vmtouchMilliseconds } from './vmtouch';

/** `warm` of a cold file beside `vmtouch -t`. */
export async function warmFigures({ files, quick, narrate }: Surroundings): Promise<Figure[]> {
  narrate('warm of a cold file of 2 GiB');
  const file = files.ofMebibytes(quick ? 1024 : 2048);
  const delays: number[] = [];
  // Whoever warms has all of it in memory at the end; a page that left already is one in half a million.
  const isWarm = (): boolean => file.residentPages() >= file.pageCount * 0.99;
  const samples = await compete(
    [
      {
        name: 'warm',
        prepare: () => file.evict(),
        run: async () => {
          let elapsed = 0;
          const { longest } = await loopDelayDuring(async () => {
            const start = performance.now();
            for await (const { error } of warm(file.path)) if (error) throw error;
            elapsed = performance.now() - start;
          });
          delays.push(Math.max(0, longest - (await loopDelayIdle(200)).longest));
          return isWarm() ? elapsed : undefined;
        },
      },
      ...(vmtouchIsThere()
        ? [
            {
              name: 'vmtouch',
              prepare: () => file.evict(),
              run: async () => {
                const elapsed = await vmtouchMilliseconds('-q', '-t', file.path);
                return isWarm() ? elapsed : undefined;
              },
            },
          ]
        : []),
    ],
    { rounds: quick ? 3 : 5, warmUp: 1 },
  );
  const MIB_A_SECOND = 'MiB a second';
  const rate = (name: string): Figure => ({
    ...figure(
      `${name}_MiB_per_s`,
      samples.of(name).map((milliseconds) => file.size / 2 ** 20 / (milliseconds / 1000)),
      `${MIB_A_SECOND} of ${name}`,
    ),
  });
  return [
    ...(vmtouchIsThere()
      ? [samples.ratio('vmtouch_over_warm', 'vmtouch', 'warm', 'vmtouch -t of a cold file, over warm', { atLeast: 1 }), rate('vmtouch')]
      : []),
    rate('warm'),
    figure('warmLoopMs', delays, 'longest delay of the loop during warm, beyond idleness, ms'),
  ];
}
