import { invalidArgument } from '../errors';
import { addon } from '../native';
import type { ConfigureOptions } from './contract';

const MOST_THREADS = 1024;
const LEAST_BYTES = 1 << 20;

let maxThreads = 64;
let maxBytesInFlight = 256 << 20;

/** Sizes the fetcher of this process; what is left out stays as it is. Can be called at any time. Throws `INVALID_ARGUMENT`. */
export function configure(options: ConfigureOptions): void {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
  const threads = options.maxThreads === undefined ? maxThreads : options.maxThreads;
  const bytes = options.maxBytesInFlight === undefined ? maxBytesInFlight : options.maxBytesInFlight;
  if (!(Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS)) {
    throw invalidArgument('maxThreads', `a whole number from 1 to ${MOST_THREADS}`, threads);
  }
  if (!(Number.isSafeInteger(bytes) && bytes >= LEAST_BYTES)) {
    throw invalidArgument('maxBytesInFlight', `a whole number of bytes, at least ${LEAST_BYTES} (1 MiB)`, bytes);
  }
  maxThreads = threads;
  maxBytesInFlight = bytes;
  addon().configure(threads, bytes);
}
