import { addon } from '../native';
import { COMPLETION_FIELDS } from '../native/file';

/** Who is told what became of a request's entries. */
export interface Recipient {
  /**
   * One entry is over: `errno` 0 and `truncated` false when it has arrived. `badOffset` is the bad page's, in bytes. `asOf` is when it was found to be mapped,
   * as boards hold it; NaN when it is not known to be. Must not throw.
   */
  settle(entry: number, errno: number, badOffset: number, truncated: boolean, asOf: number): void;
  /** All that came in this turn has been settled. Must not throw. */
  settled(): void;
}

/** Requests of this environment that the fetcher is working on. */
const recipients = new Map<number, Recipient>();
let listening = false;
let waiting = 0;

/** From now on completions of `request` go to `recipient`, until `forget`. */
export function expect(request: number, recipient: Recipient): void {
  if (!listening) {
    addon().onCompletions(deliver);
    listening = true;
  }
  recipients.set(request, recipient);
}

export function forget(request: number): void {
  recipients.delete(request);
}

/** Somebody waits for an arrival: until `release`, that keeps the event loop alive, as any read does. A request that nobody waits for does not. */
export function hold(): void {
  if (waiting++ === 0) addon().keepAlive(true);
}

export function release(): void {
  if (--waiting === 0) addon().keepAlive(false);
}

function deliver(completions: Float64Array, count: number): void {
  const touched = new Set<Recipient>();
  let request = 0;
  let recipient: Recipient | undefined;
  for (let at = 0; at < count * COMPLETION_FIELDS; at += COMPLETION_FIELDS) {
    // Those of one request come one after the other.
    if (completions[at] !== request) {
      request = completions[at] as number;
      recipient = recipients.get(request);
      if (recipient !== undefined) touched.add(recipient);
    }
    if (recipient === undefined) continue;
    recipient.settle(
      completions[at + 1] as number,
      completions[at + 2] as number,
      completions[at + 3] as number,
      completions[at + 4] === 1,
      completions[at + 5] as number,
    );
  }
  for (const recipient of touched) recipient.settled();
}
