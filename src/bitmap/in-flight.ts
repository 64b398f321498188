/** Bytes that all scans of an environment together have on their way to them, about: enough for any device, and few enough to be read before they leave again. */
const ALL = 32 * 2 ** 20;

/** Bytes of one step, at least and at most, and steps that one scan has in flight: so that the device never waits for us. */
const LEAST = 2 ** 19;
const MOST = 4 * 2 ** 20;
const STEPS = 4;

let scans = 0;

/** Counts a scan in; the function that is returned counts it out again. */
export function joinScans(): () => void {
  scans++;
  return () => {
    scans--;
  };
}

/** What one of the present scans may have in flight: so many steps of so many bytes. */
export function shareOfFlight(): { readonly steps: number; readonly bytes: number } {
  const share = ALL / Math.max(scans, 1);
  const bytes = Math.min(Math.max(share / 2, LEAST), MOST);
  return { steps: Math.min(Math.max(Math.floor(share / bytes), 1), STEPS), bytes };
}
