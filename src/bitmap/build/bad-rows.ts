import { NofaultError } from '../../errors';

const REASONS_KEPT = 10;

/** Rows that cannot be indexed: the first one ends the build, or all are counted and left out. */
export class BadRows {
  count = 0;
  /** What was wrong with the first of them. */
  readonly reasons: string[] = [];

  constructor(
    /** How the source is called in errors. */
    private readonly source: string,
    readonly policy: 'fail' | 'skip',
  ) {}

  /** `place` is where the row is in the source, `what` is wrong with it, `advice` what to do. */
  refuse(place: string, what: string, advice?: string): void {
    const reason = `${place}: ${what}`;
    if (this.policy === 'fail') {
      const todo = advice === undefined ? 'mend it, or leave bad rows out' : `${advice}, or leave bad rows out`;
      throw new NofaultError('BAD_FORMAT', `${this.source}, ${reason}: ${todo}`, { path: this.source });
    }
    this.count += 1;
    if (this.reasons.length < REASONS_KEPT) this.reasons.push(reason);
  }
}
