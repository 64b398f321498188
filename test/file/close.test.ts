import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type MappedFile, open } from '../../src/index';
import { expectRejected, expectThrown } from '../failures';
import { evictMapped, GiB, pattern, TestFiles } from '../files';
import { collect, readPage, untilAnswered } from '../reading';

const files = TestFiles.make();
const path = files.patterned('file', 100_000);

async function opened(): Promise<MappedFile> {
  const file = await open(path);
  await readPage(file, 1);
  return file;
}

test('closing twice, at once or one after the other, is fine', async () => {
  const file = await opened();
  await Promise.all([file.close(), file.close()]);
  await file.close();
});

test('a file closes when the block that declared it with `await using` ends', async () => {
  const file = await opened();
  await file[Symbol.asyncDispose]();
  expectThrown('CLOSED', () => file.tryPage(0));
});

test('every question to a closed file is answered with CLOSED', async () => {
  const file = await opened();
  await file.close();
  expectThrown('CLOSED', () => file.tryPage(0), /closed/);
  expectThrown('CLOSED', () => file.tryRange(0, 1));
  expectThrown('CLOSED', () => file.tryRead([Buffer.alloc(1)], [0]));
  expectThrown('CLOSED', () => file.getPages([0]));
  expectThrown('CLOSED', () => file.getRanges([]));
  expectThrown('CLOSED', () => file.prefetch([0]));
  await expectRejected('CLOSED', file.read([Buffer.alloc(1)], [0]));
  await expectRejected('CLOSED', file.residency());
  expect(file.path).toBe(path);
  expect(file.size).toBe(100_000);
});

test('a file is closed from the call of `close` on, not only when that is done', async () => {
  const file = await opened();
  const closing = file.close();
  expectThrown('CLOSED', () => file.tryPage(0));
  expectThrown('CLOSED', () => file.getPages([0]));
  await closing;
});

test('the error of a closed file names it', async () => {
  const file = await opened();
  await file.close();
  const error = expectThrown('CLOSED', () => file.tryPage(0));
  expect(error.path).toBe(path);
});

test('views have length 0 after closing', async () => {
  const file = await open(path);
  const page = await untilAnswered(
    () => file.tryPage(3),
    () => file.getPages([3]).arrived,
  );
  const range = await untilAnswered(
    () => file.tryRange(5, 50_000),
    () => file.getRanges([{ offset: 5, length: 50_000 }]).arrived,
  );
  const part = page.subarray(10, 20);
  expect([page.length, range.length, part.length]).toEqual([4096, 50_000, 10]);
  const copy = Buffer.from(page);
  await file.close();
  expect([page.length, range.length, part.length]).toEqual([0, 0, 0]);
  expect(page[0]).toBeUndefined();
  expect(copy.equals(pattern(100_000).subarray(3 * 4096, 4 * 4096))).toBe(true);
});

test('the sets of a closed file answer CLOSED', async () => {
  const file = await open(path);
  const set = file.getPages([0, 1]);
  await set.arrived;
  await file.close();
  expectThrown('CLOSED', () => set.bytes(0));
  expect(set.length).toBe(2);
  expect(set.complete).toBe(true);
  expect(await set.arrived).toBe(set);
});

test('closing rejects what is still being waited for with CLOSED', async () => {
  const hole = await open(files.sparse('hole', 64 * GiB));
  const sets = Array.from({ length: 5 }, (_, k) => hole.getPages(Array.from({ length: 10_000 }, (_, i) => i * 1500 + k * 3)));
  const waiting = sets.map((set) => expectRejected('CLOSED', set.arrived));
  const iterating = collect(sets[4] as (typeof sets)[0]);
  await hole.close();
  await Promise.all(waiting);
  expect(sets.every((set) => set.complete)).toBe(true);
  // Failed entries are yielded too: nobody waits for ever.
  expect(await iterating).toHaveLength(10_000);
});

test('closing while pages arrive: what is rejected is rejected with CLOSED, and nothing is left waiting', async () => {
  for (let round = 0; round < 10; round++) {
    const hole = await open(files.sparse(`hole-${round}`, 16 * GiB));
    const set = hole.getPages(Array.from({ length: 3000 }, (_, i) => i * 1300 + round));
    let seen = 0;
    for await (const _ of set) {
      seen += 1;
      if (seen === round * 50 + 1) break;
    }
    const outcome = set.arrived.then(
      () => 'arrived',
      (error: unknown) => (error as { code: string }).code,
    );
    await hole.close();
    expect(['arrived', 'CLOSED']).toContain(await outcome);
    expect(set.complete).toBe(true);
  }
});

test('closing while prefetching, reading and drawing a map is fine', async () => {
  const hole = await open(files.sparse('busy hole', 64 * GiB));
  hole.prefetch(Array.from({ length: 20_000 }, (_, i) => i * 700));
  const reading = hole.read([Buffer.alloc(100_000)], [50 * GiB]).then(
    () => 'done',
    (error: { code: string }) => error.code,
  );
  const mapping = hole.residency({ offset: 0, length: GiB }).then(
    () => 'done',
    (error: { code: string }) => error.code,
  );
  await hole.close();
  expect(['done', 'CLOSED']).toContain(await reading);
  expect(['done', 'CLOSED']).toContain(await mapping);
});

test('closing while an entry that had left memory is fetched again is no failure of the file', async () => {
  const own = files.patterned('left', 16 * 4096);
  const file = await open(own);
  const set = file.getPages([...Array(16).keys()]);
  await set.arrived;
  evictMapped(own, 0, 16);
  const iterator = set[Symbol.asyncIterator]();
  const asked = [iterator.next(), iterator.next()];
  await file.close();
  for (const { done } of await Promise.all(asked)) expect(done).toBe(false);
  // Nor does it cost the entry its place in the set.
  expect(await collect(set)).toHaveLength(16);
  expect(file.stats()).toMatchObject({ errors: 0, lastError: undefined, inFlight: 0 });
});

test('closing one file leaves the reads of another alone', async () => {
  const [one, other] = [await open(files.sparse('one', 16 * GiB)), await open(files.sparse('other', 16 * GiB))];
  const pages = Array.from({ length: 5000 }, (_, i) => i * 800);
  const doomed = expectRejected('CLOSED', one.getPages(pages).arrived);
  const fine = other.getPages(pages).arrived;
  await one.close();
  await doomed;
  await fine;
  await other.close();
});

test('nothing of a closed file stays mapped, and no descriptor of it stays open', async () => {
  const own = files.sparse('to be let go', 16 * GiB);
  const file = await open(own);
  await file.getPages(Array.from({ length: 200 }, (_, i) => i * 20_000)).arrived;
  expect(mappingsOf(own)).toBeGreaterThan(0);
  await file.close();
  expect(mappingsOf(own)).toBe(0);
  expect(readdirSync('/proc/self/fd').some((fd) => linkOf(fd) === own)).toBe(false);
});

test('opening, reading and closing a thousand times leaves nothing behind', async () => {
  const own = files.patterned('again and again', 20_000);
  for (let i = 0; i < 1000; i++) {
    const file = await open(own);
    if (i % 2) await file.getPages([i % 5]).arrived;
    else file.tryPage(i % 5);
    await file.close();
  }
  expect(mappingsOf(own)).toBe(0);
});

/** Mappings of this process that show the file. */
function mappingsOf(target: string): number {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(target)).length;
}

function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}
