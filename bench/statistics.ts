/** The value below which `fraction` (0 to 1) of the samples lie, interpolated between neighbours. */
export function quantile(samples: readonly number[], fraction: number): number {
  if (samples.length === 0) throw new Error('a quantile of no samples was asked for');
  const sorted = Float64Array.from(samples).sort();
  const position = fraction * (sorted.length - 1);
  const below = sorted[Math.floor(position)] as number;
  const above = sorted[Math.ceil(position)] as number;
  return below + (above - below) * (position - Math.floor(position));
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

export function quartiles(samples: readonly number[]): [number, number] {
  return [quantile(samples, 0.25), quantile(samples, 0.75)];
}

/** A sequence of pseudo-random 32-bit integers (Marsaglia's xorshift32): runs can be repeated with the same pages. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  }

  /** An integer from 0 up to `limit`, exclusive. */
  below(limit: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return Math.floor(((this.state >>> 0) / 2 ** 32) * limit);
  }

  /** `count` different pages from `first` up to `end`, exclusive, in random order. */
  pages(count: number, first: number, end: number): Uint32Array {
    if (count > end - first) throw new Error(`${count} different pages were asked for out of ${end - first}`);
    const chosen = new Set<number>();
    while (chosen.size < count) chosen.add(first + this.below(end - first));
    return this.shuffled(Uint32Array.from(chosen));
  }

  shuffled(values: Uint32Array): Uint32Array {
    const order = Uint32Array.from(values);
    for (let i = order.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const kept = order[i] as number;
      order[i] = order[j] as number;
      order[j] = kept;
    }
    return order;
  }
}
