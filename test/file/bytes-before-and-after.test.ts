import { open, type PageSet } from '../../src/index';
import { evictMapped, evictUnmapped, GiB, MiB, pattern, residentBytesByFincore, TestFiles } from '../files';
import { bytesIfThere } from '../reading';

const files = TestFiles.make();

test('before an entry has arrived, `bytes` throws NOT_RESIDENT, or the right bytes are there already', async () => {
  const hole = await open(files.sparse('hole', 64 * GiB));
  const pages = Array.from({ length: 100_000 }, (_, i) => i * 160);
  const set = hole.getPages(pages);
  expect(set.misses).toBe(pages.length);
  // The last of so many cannot have been fetched before this line, unless this thread was held for long; then its bytes must be right.
  let missing = 0;
  for (let entry = pages.length - 1; entry >= 0; entry -= 997) {
    const bytes = bytesIfThere(set, entry);
    if (bytes === undefined) missing += 1;
    else expect(Buffer.alloc(hole.pageSize).equals(bytes)).toBe(true);
  }
  expect(missing).toBeGreaterThan(0);
  await set.arrived;
  expect(set.complete).toBe(true);
  await hole.close();
});

test('the message of NOT_RESIDENT says what to do', async () => {
  const hole = await open(files.sparse('second hole', 64 * GiB));
  const set = hole.getPages(Array.from({ length: 50_000 }, (_, i) => i * 300));
  try {
    set.bytes(49_999);
  } catch (error) {
    expect(error).toMatchObject({ name: 'NofaultError', code: 'NOT_RESIDENT', message: expect.stringMatching(/arriv|await|again/) });
  }
  await hole.close();
});

describe.each(['watch', 'never'] as const)('after eviction, with trust %s,', (trust) => {
  test('`bytes` throws NOT_RESIDENT or gives the right bytes, never others', async () => {
    const content = pattern(64 * 4096, 3);
    const path = files.write(`evicted-${trust}`, content);
    const file = await open(path, { trust });
    const set = file.getPages([...Array(64).keys()]);
    await set.arrived;
    for (let round = 0; round < 5; round++) {
      evictMapped(path, round * 8, 16);
      for (let entry = 0; entry < 64; entry++) {
        const bytes = bytesIfThere(set, entry);
        if (bytes) expect(content.subarray(entry * 4096, (entry + 1) * 4096).equals(bytes)).toBe(true);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await file.close();
  });

  test('the same pages can be asked for again, and arrive', async () => {
    const content = pattern(64 * 4096, 4);
    const path = files.write(`again-${trust}`, content);
    const file = await open(path, { trust });
    let set: PageSet = file.getPages([{ first: 0, count: 64 }]);
    for (let round = 0; round < 5; round++) {
      await set.arrived;
      expect(set.complete).toBe(true);
      const bytes = bytesIfThere(set, 0);
      if (bytes) expect(content.equals(bytes)).toBe(true);
      evictMapped(path, 0, 64);
      set = file.getPages([{ first: 0, count: 64 }]);
    }
    await set.arrived;
    await file.close();
  });
});

test('a file that is evicted between closing and opening is missing afterwards', async () => {
  const path = files.patterned('closed between', 4 * MiB);
  for (let round = 0; round < 3; round++) {
    const file = await open(path, { trust: 'never' });
    await file.getPages([{ first: 0, count: file.pageCount }]).arrived;
    await file.close();
    evictUnmapped(path);
    const cold = residentBytesByFincore(path) === 0;
    const again = await open(path, { trust: 'never' });
    const set = again.getPages([0, 500, 1023]);
    // Nobody else reads the file, so nothing can have come back.
    if (cold) expect(set.misses).toBe(3);
    await set.arrived;
    await again.close();
  }
});
