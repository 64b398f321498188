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
