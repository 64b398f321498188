import { open, readFile } from 'node:fs/promises';
import { pattern } from '../files';
import { when } from '../when';
import { type FileSystem, slowDiskLacks, startSlowDisk } from './slow-disk';

const MiB = 2 ** 20;
const PAGE = 4096;

for (const fs of ['ext4', 'xfs', 'btrfs'] satisfies FileSystem[]) {
  when(slowDiskLacks(fs)).test(`${fs} on a disk that is slow, bad and hung in places`, async () => {
    const disk = await startSlowDisk({ fs });
    try {
      const content = pattern(MiB + 100);
      const path = await disk.write('file', content);
      await disk.delay(20);
      await disk.forgetReads();
      expect((await readFile(path)).equals(content)).toBe(true);
      const reads = await disk.log();
      expect(reads.length).toBeGreaterThan(0);
      for (const { came, answered = came } of reads) expect(answered - came).toBeGreaterThan(15);

      const places = await disk.places('file');
      expect(places.reduce((sum, { length }) => sum + length, 0)).toBe(Math.ceil(content.length / PAGE) * PAGE);
      await expect(disk.places('file', { offset: 2 * MiB })).rejects.toThrow(/there is nothing at 2097152/);

      await disk.heal();
      const handle = await open(path);
      const readPage = async (page: number): Promise<Buffer> => (await handle.read(Buffer.alloc(PAGE), 0, PAGE, page * PAGE)).buffer;
      const pageOf = (page: number): Buffer => content.subarray(page * PAGE, (page + 1) * PAGE);
      try {
        await disk.fail('file', { offset: 100 * PAGE, length: 1 });
        await disk.evict('file');
        await expect(readPage(100)).rejects.toMatchObject({ code: 'EIO' });
        expect((await readPage(99)).equals(pageOf(99))).toBe(true);
        await disk.heal();
        expect((await readPage(100)).equals(pageOf(100))).toBe(true);

        await disk.hang('file', { offset: 200 * PAGE, length: PAGE });
        await disk.evict('file');
        const waiting = readPage(200);
        await disk.untilHung();
        await disk.release();
        expect((await waiting).equals(pageOf(200))).toBe(true);

        await disk.kill();
        // Evicting is advice, so pages may stay; past the page cache the disk has to answer.
        await expect(disk.places('file')).rejects.toThrow();
      } finally {
        await handle.close();
      }
    } finally {
      await disk.stop();
    }
  });
}
