import type { SystemFiles } from '../../inspect/machine/system-files';

/** Whether DAMON takes pages out of memory before it is short; undefined where that cannot be seen. */
export interface EarlyReclaim {
  readonly active: boolean;
  /** What does it: `damon_reclaim`, or the actions of DAMON's schemes. */
  readonly by: readonly string[];
}

/** Actions of schemes that take pages out of memory, or make them the next to go. */
const EVICTING = new Set(['pageout', 'cold', 'lru_deprio']);

export function earlyReclaim(files: SystemFiles): EarlyReclaim | undefined {
  const module = files.text('/sys/module/damon_reclaim/parameters/enabled');
  const threads = '/sys/kernel/mm/damon/admin/kdamonds';
  const known = files.text(`${threads}/nr_kdamonds`) !== undefined;
  if (module === undefined && !known) return undefined;
  const by = module === 'Y' ? ['damon_reclaim'] : [];
  for (const thread of numbered(files, threads)) {
    if (files.text(`${thread}/state`) !== 'on') continue;
    for (const context of numbered(files, `${thread}/contexts`)) {
      for (const scheme of numbered(files, `${context}/schemes`)) {
        const action = files.text(`${scheme}/action`);
        if (action !== undefined && EVICTING.has(action) && !by.includes(action)) by.push(action);
      }
    }
  }
  return { active: by.length > 0, by };
}

function numbered(files: SystemFiles, folder: string): string[] {
  return files
    .names(folder)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => `${folder}/${name}`);
}
