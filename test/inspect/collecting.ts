import type { FileName, FileResidency, Inspection } from '../../src/index';

/** All that an inspection yields, by the name below `folder`. */
export async function byName(inspection: Inspection, folder: string): Promise<Map<string, FileResidency>> {
  const files = new Map<string, FileResidency>();
  for await (const file of inspection) files.set(below(file.path, folder), file);
  return files;
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

function below(path: FileName, folder: string): string {
  const text = Buffer.isBuffer(path) ? path.toString('latin1') : path;
  return text.startsWith(`${folder}/`) ? text.slice(folder.length + 1) : text;
}
