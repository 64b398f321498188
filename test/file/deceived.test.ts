import { createHash } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { builtPackage } from '../built-package';
import { programPath } from '../child';
import { evictMapped, evictUnmapped, pattern, TestFiles } from '../files';
import { finished } from '../rigs/children';
import { type Circumstances, otherUserLacks, start } from '../rigs/launch';
import { pageCacheLacks, residentPages } from '../rigs/page-cache';
import { type Refusals, refusingLacks } from '../rigs/refuse';
import { when } from '../when';

const files = TestFiles.make();
chmodSync(files.folder, 0o755);
const PAGES = 300;
/** Entries of a vector that have been asked about before any is fetched. */
const BEFORE_FETCHING = 16;
const CONTENT = pattern(PAGES * 4096 - 100);
const HASH = createHash('sha256').update(CONTENT).digest('hex');

interface Known {
  /** Pages that were hits of each kind of question before anything was fetched. */
  readonly tried: number[];
  readonly ranges: number[];
  readonly copied: number[];
  readonly hits: number[];
  readonly whole: string;
  /** Pages that were hits when they had arrived. */
  readonly after: number;
  readonly boardHits: number;
  readonly errors: number;
  readonly unknownBytes: number;
  readonly residentBytes: number;
  readonly hashes: string[];
}

interface Case extends Circumstances {
  readonly trust?: 'watch' | 'never';
  /** The process gives up root's rights after it has opened and read the file. */
  readonly setuid?: boolean;
}

/** What a process under these circumstances takes for resident of a file of which nothing is, and what it reads. */
async function known(name: string, { trust = 'watch', setuid = false, ...circumstances }: Case): Promise<Known> {
  const path = files.write(name, CONTENT);
  chmodSync(path, 0o644);
  const words = [programPath('what-can-be-known.cjs'), builtPackage(), path, trust, ...(setuid ? ['setuid'] : [])];
  evictUnmapped(path);
  const child = start(process.execPath, words, circumstances, { stdio: 'pipe' });
  const end = finished(child);
  const input = child.stdin as Writable;
  // A program that has died is seen by how it ended.
  input.on('error', () => {});
  const lines = createInterface(child.stdout as Readable)[Symbol.asyncIterator]();
  const said: string[] = [];
  const next = async (): Promise<void> => {
    const line = await lines.next();
    if (!line.done) said.push(line.value);
  };
  await next();
  if (setuid) expect(evictMapped(path, 0, PAGES)).toBe(true);
  evictUnmapped(path);
  const before = residentPages(path);
  input.write('go\n');
  await next();
  const then = new Set(residentPages(path).flatMap((resident, page) => (resident ? [page] : [])));
  input.write('go\n');
  await next();
  input.end();
  const { code, signal, stderr } = await end;
  expect({ code, signal, stderr, said: said.slice(0, 2) }).toEqual({ code: 0, signal: null, stderr: '', said: ['ready', 'asked'] });
  // The judge's word holds until the first page is asked to be fetched. The last page may not be droppable by direct writing.
  const missing = before.flatMap((resident, page) => (resident ? [] : [page]));
  expect(missing.length).toBeGreaterThan(PAGES - 40);
  const result = JSON.parse(said[2] as string) as Known;
  for (const kind of ['tried', 'ranges', 'copied', 'hits'] as const) {
    const answered = new Set(result[kind]);
    // A vector's first misses are being fetched while its later entries are asked about, so those are judged by what was resident when all had been asked.
    const wrong = (page: number): boolean => answered.has(page) && (kind !== 'hits' || page < BEFORE_FETCHING || !then.has(page));
    expect({ kind, falseHits: missing.filter(wrong) }).toEqual({ kind, falseHits: [] });
  }
  expect(result).toMatchObject({ whole: 'missing', errors: 0, hashes: [HASH, HASH] });
  return result;
}

when(otherUserLacks() ?? pageCacheLacks()).describe(
  'who may read but neither owns nor may write a file is told that all of it is resident, and is not taken in',
  () => {
    test('nothing is a hit before it has arrived; then everything is, at once and on boards; the map says that it does not know', async () => {
      const { after, boardHits, unknownBytes, residentBytes } = await known('read only', { as: 'reader' });
      expect({ after, unknownBytes, residentBytes }).toEqual({ after: PAGES, unknownBytes: CONTENT.length, residentBytes: 0 });
      expect(boardHits).toBeGreaterThan(0);
    });

    test("with trust: 'never', too", async () => {
      const { after, boardHits, unknownBytes } = await known('read only, never', { as: 'reader', trust: 'never' });
      expect({ after, boardHits, unknownBytes }).toEqual({ after: PAGES, boardHits: 0, unknownBytes: CONTENT.length });
    });

    test.each(['watch', 'never'] as const)('a process that gives up its rights while it has the file open (trust: %s)', async (trust) => {
      const { after, unknownBytes } = await known(`given up ${trust}`, { setuid: true, trust });
      expect({ after, unknownBytes }).toEqual({ after: PAGES, unknownBytes: CONTENT.length });
    });

    test.each([{ move_pages: 'EPERM' }, { mincore: 'EPERM' }, { cachestat: 'ENOSYS', preadv2: 'ENOSYS' }] satisfies Refusals[])(
      'when it is refused %j besides',
      async (refuse) => {
        await known(`read only ${Object.keys(refuse)}`, { as: 'reader', refuse });
      },
    );
  },
);

when(refusingLacks() ?? pageCacheLacks()).describe(
  'where system calls are refused, everything still arrives, and only what is known is a hit',
  () => {
    const cases: readonly { readonly refuse: Refusals; readonly trust: 'watch' | 'never' }[] = (
      [
        { mincore: 'EPERM' },
        { mincore: 'ENOSYS' },
        { move_pages: 'EPERM' },
        { move_pages: 'ENOSYS' },
        { cachestat: 'ENOSYS' },
        { cachestat: 'EPERM', preadv2: 'EPERM' },
        { process_madvise: 'EPERM' },
        { fadvise64: 'EPERM', readahead: 'EPERM' },
        { mincore: 'EPERM', cachestat: 'EPERM', preadv2: 'ENOSYS', fadvise64: 'EPERM' },
      ] satisfies Refusals[]
    ).flatMap((refuse) => (['watch', 'never'] as const).map((trust) => ({ refuse, trust })));

    test.each(cases)('$refuse, trust $trust', async ({ refuse, trust }) => {
      const { after, boardHits } = await known(`refused ${Object.entries(refuse).flat()} ${trust}`, { refuse, trust });
      expect(after).toBe(PAGES);
      expect(boardHits > 0).toBe(trust === 'watch');
    });

    test('mincore and move_pages, so that nothing is known but by what arrives', async () => {
      const { unknownBytes } = await known('nothing known', { refuse: { mincore: 'EPERM', move_pages: 'EPERM' } });
      expect(unknownBytes).toBe(CONTENT.length);
    });
  },
);
