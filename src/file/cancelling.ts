import { invalidArgument } from '../errors';

/** Checks that options are an object whose signal, if there is one, is an AbortSignal. */
export function checkSignal(options: { readonly signal?: AbortSignal }): void {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
  const { signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidArgument('options.signal', 'an AbortSignal', signal);
}

/** What to call when a signal aborts. One listener a signal: Node warns of a leak when many calls share one and each adds its own. */
const callbacks = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `callback` when `signal` aborts; the function that is returned takes that back. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const known = callbacks.get(signal) ?? listen(signal);
  known.add(callback);
  return () => known.delete(callback);
}

function listen(signal: AbortSignal): Set<() => void> {
  const set = new Set<() => void>();
  callbacks.set(signal, set);
  signal.addEventListener(
    'abort',
    () => {
      for (const callback of set) callback();
    },
    { once: true },
  );
  return set;
}
