import { open } from '../../src/index';
import { GiB, TestFiles } from '../files';

const files = TestFiles.make();

test('both kinds arrive when they are asked for together', async () => {
  const hole = await open(files.sparse('hole', 64 * GiB));
  const scan = hole.getPages(
    Array.from({ length: 20_000 }, (_, i) => i * 800),
    { priority: 'scan' },
  );
  const interactive = Array.from({ length: 200 }, (_, i) => hole.getPages([i * 80_000 + 5], { priority: 'interactive' }));
  await Promise.all([scan.arrived, ...interactive.map((set) => set.arrived)]);
  expect(hole.stats()).toMatchObject({ inFlight: 0, errors: 0 });
  await hole.close();
});

test('an interactive page is not kept waiting until a whole scan is done', async () => {
  const hole = await open(files.sparse('second hole', 256 * GiB));
  const scan = hole.getPages(
    Array.from({ length: 200_000 }, (_, i) => i * 300),
    { priority: 'scan' },
  );
  await hole.getPages([60_000_001]).arrived;
  expect(scan.complete).toBe(false);
  await scan.arrived;
  await hole.close();
});

test('a scan is not starved by interactive pages that never end', async () => {
  const hole = await open(files.sparse('third hole', 64 * GiB));
  let scanning = true;
  const scan = hole
    .getPages(
      Array.from({ length: 300 }, (_, i) => i * 1000),
      { priority: 'scan' },
    )
    .arrived.finally(() => {
      scanning = false;
    });
  // Each of these keeps 100 interactive pages queued; without a share for scans this would not end before the pages do.
  let page = 400_000;
  const stream = async (): Promise<void> => {
    while (scanning && page < hole.pageCount - 100) {
      const first = page;
      page += 200;
      await hole.getPages(Array.from({ length: 100 }, (_, i) => first + i * 2)).arrived;
    }
  };
  await Promise.all([scan, stream(), stream(), stream(), stream()]);
  expect(page).toBeLessThan(hole.pageCount - 100);
  await hole.close();
});

test('pages that a scan has queued are joined by an interactive call for them', async () => {
  const hole = await open(files.sparse('fourth hole', 64 * GiB));
  const pages = Array.from({ length: 30_000 }, (_, i) => i * 500);
  const scan = hole.getPages(pages, { priority: 'scan' });
  const wanted = hole.getPages([pages[29_999] ?? 0], { priority: 'interactive' });
  await wanted.arrived;
  await scan.arrived;
  expect(hole.stats().bytesFetched).toBeLessThan(1.5 * pages.length * hole.pageSize);
  await hole.close();
});
