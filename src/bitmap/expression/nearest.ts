/** Names that are compared: whoever has more columns gets a list instead. */
const MOST_NAMES = 1000;

/** The name that was most likely meant; undefined where none is near. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  let best: string | undefined;
  // A third of the letters may be wrong.
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of names.slice(0, MOST_NAMES)) {
    if (Math.abs(candidate.length - name.length) >= least) continue;
    const distance = edits(wanted, candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Letters to insert, leave out, replace or swap with their neighbour until `a` is `b` (optimal string alignment). */
function edits(a: string, b: string): number {
  let [before, last, row]: [number[], number[], number[]] = [[], [], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    [before, last, row] = [last, row, [i]];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (before[j - 2] as number) + 1);
      row.push(cost);
    }
  }
  return row[b.length] as number;
}
