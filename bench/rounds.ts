import type { Figure, Target } from './contract';
import { median, quartiles } from './statistics';

/** One way of doing the same work. */
export interface Contestant {
  readonly name: string;
  /** What is done before each run and not measured. */
  prepare?(round: number): Promise<void> | void;
  /** The measured cost of one run, in the contestants' common unit; undefined when the system disturbed the run and it does not count. */
  run(round: number): Promise<number | undefined> | number | undefined;
}

/** How often in a row the system may disturb one contestant. */
const ATTEMPTS = 20;

/**
 * Lets all contestants run in each round, so that whatever else the machine is doing hits all of them alike; each round begins with another one. The
 * rounds before `rounds` begin are for the compiler and are thrown away.
 */
export async function compete(contestants: readonly Contestant[], options: { rounds: number; warmUp: number }): Promise<Samples> {
  const costs = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  for (let round = -options.warmUp; round < options.rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const contestant = contestants[(turn + round + options.warmUp) % contestants.length] as Contestant;
      const cost = await undisturbed(contestant, round);
      if (round >= 0) costs.get(contestant.name)?.push(cost);
    }
  }
  return new Samples(costs);
}

async function undisturbed(contestant: Contestant, round: number): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await contestant.prepare?.(round);
    const cost = await contestant.run(round);
    if (cost !== undefined) return cost;
  }
  throw new Error(
    `${contestant.name}: in ${ATTEMPTS} runs in a row a page left memory: the system reclaims pages faster than they can be read`,
  );
}

/** What each contestant's rounds cost. */
export class Samples {
  constructor(private readonly costs: ReadonlyMap<string, readonly number[]>) {}

  of(name: string): readonly number[] {
    const costs = this.costs.get(name);
    if (costs === undefined) throw new Error(`there is no contestant '${name}'`);
    return costs;
  }

  /** What `above` costs over what `below` costs: the median over the rounds of their ratios within one round. */
  ratio(key: string, above: string, below: string, what: string, target?: Target): Figure {
    const divisors = this.of(below);
    return figure(
      key,
      this.of(above).map((cost, round) => cost / (divisors[round] as number)),
      what,
      target,
    );
  }

  /** The cost itself, in units of `unit` times the contestants'. */
  cost(key: string, name: string, what: string, unit = 1): Figure {
    return figure(
      key,
      this.of(name).map((cost) => cost * unit),
      what,
    );
  }
}

/** A figure from the values of several rounds: their median, and their quartiles as the spread. */
export function figure(key: string, values: readonly number[], what: string, target?: Target): Figure {
  return { key, value: median(values), quartiles: quartiles(values), what, ...(target && { target }) };
}
