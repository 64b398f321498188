import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { truncateSync } from 'node:fs';
import { type MappedFile, type NofaultError, open } from '../../src/index';
import { expectRejected, expectThrown } from '../failures';
import { evictUnmapped, GiB, MiB, TestFiles } from '../files';
import { readPage, untilAnswered } from '../reading';
import { slowFolderLacks, startSlowFolder } from '../rigs/slow-folder';
import { when } from '../when';

const files = TestFiles.make();
const PAGE = 4096;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

interface Miss {
  readonly path: string;
  readonly misses: number;
  readonly length: number;
}

/** What is published on a channel while something is done. */
async function published<T>(channel: string, work: () => unknown): Promise<T[]> {
  const messages: T[] = [];
  const listener = (message: unknown): void => {
    messages.push(message as T);
  };
  subscribe(channel, listener);
  try {
    await work();
  } finally {
    unsubscribe(channel, listener);
  }
  return messages;
}

describe("'nofault:miss'", () => {
  test('has one message for each call that missed, and what it missed', async () => {
    const path = files.sparse('missed', GiB);
    const file = await open(path);
    const messages = await published<Miss>('nofault:miss', () => {
      file.getPages([1, 2, { first: 10, count: 5 }]);
      file.tryPage(100);
      file.tryRange(200 * PAGE, 10);
      file.tryRead([Buffer.alloc(5), Buffer.alloc(5)], [300 * PAGE, 301 * PAGE]);
      file.prefetch([400]);
    });
    expect(messages).toEqual([3, 1, 1, 1, 1].map((misses) => ({ path, misses, length: misses })));
    expect(file.stats().misses).toBe(7);
    await file.close();
  });

  test('has none for hits, and adds up to what stats counts', async () => {
    const path = files.patterned('hit and missed', 400 * PAGE);
    evictUnmapped(path);
    const file = await open(path);
    await readPage(file, 3);
    const before = file.stats();
    let hits = 0;
    const messages = await published<Miss>('nofault:miss', async () => {
      for (let i = 0; i < 20; i++) {
        const set = file.getPages(numbers(20 * (i + 1)));
        hits += set.hits;
        await set.arrived;
        if (file.tryPage(i) !== undefined) hits++;
      }
    });
    const after = file.stats();
    expect(messages.reduce((sum, { misses }) => sum + misses, 0)).toBe(after.misses - before.misses);
    expect(after.hits - before.hits).toBe(hits);
    expect(messages.every(({ misses, length }) => misses >= 1 && misses <= length)).toBe(true);
    await file.close();
  });
});

describe("'nofault:error'", () => {
  test('has each failed entry, with the error that its caller gets', async () => {
    const path = files.sparse('failing', 100 * PAGE);
    const file = await open(path);
    truncateSync(path, 10 * PAGE);
    const errors: NofaultError[] = [];
    const messages = await published<{ path: string; error: NofaultError }>('nofault:error', async () => {
      const set = file.getPages([50, 5, 60]);
      await set.arrived.catch(() => {});
      for await (const entry of set) if (entry !== 1) errors.push(expectThrown('TRUNCATED', () => set.bytes(entry)));
    });
    expect(messages.map(({ error }) => error)).toEqual(expect.arrayContaining(errors));
    expect(messages).toHaveLength(2);
    for (const message of messages) expect(message.path).toBe(path);
    expect(file.stats()).toMatchObject({ errors: 2, lastError: messages[1]?.error });
    await file.close();
  });

  test('has the touch of a view that failed, once, when the next call tells it', async () => {
    const path = files.patterned('touched', 100 * PAGE);
    const file = await open(path);
    const view = await untilAnswered(
      () => file.tryPage(50),
      () => file.getPages([50]).arrived,
    );
    truncateSync(path, 10 * PAGE);
    const messages = await published<{ error: NofaultError }>('nofault:error', async () => {
      expect(view[0]).toBe(0);
      const told = await expectRejected('TRUNCATED', file.read([Buffer.alloc(1)], [0]));
      expect(told).toMatchObject({ path, offset: 50 * PAGE });
      await readPage(file, 0);
    });
    expect(messages.map(({ error }) => error.code)).toEqual(['TRUNCATED']);
    expect(file.stats()).toMatchObject({ errors: 1, lastError: messages[0]?.error });
    await file.close();
  });

  test('has nothing of what was cancelled or closed', async () => {
    const file = await open(files.sparse('cancelled', GiB));
    const messages = await published('nofault:error', async () => {
      const set = file.getPages(numbers(1000), { signal: AbortSignal.abort() });
      await set.arrived.catch(() => {});
      const closed = file.getPages(numbers(5000).map((i) => 10 * i)).arrived.catch(() => {});
      await file.close();
      await closed;
    });
    expect(messages).toEqual([]);
  });
});

describe("'nofault:blocked'", () => {
  when(slowFolderLacks()).test('has each wait, as many as stats counts', async () => {
    const folder = await startSlowFolder({ readDelay: 10 });
    try {
      const path = await folder.write('file', Buffer.alloc(64 * PAGE, 1));
      const file = await open(path);
      const room = Buffer.alloc(32 * PAGE);
      // Looked at right before it is copied into: the worst moment for the page cache to lose the file.
      let looks = 0;
      Object.defineProperty(room, 'byteLength', {
        get: () => {
          if (++looks === 2) for (const size of [0, 64 * PAGE]) truncateSync(path, size);
          return 32 * PAGE;
        },
      });
      const messages = await published<{ path: string; touches: number }>('nofault:blocked', () => file.read([room], [0]));
      expect(looks).toBeGreaterThanOrEqual(2);
      const { blockedTouches } = file.stats();
      expect(blockedTouches).toBeGreaterThan(0);
      expect(messages.reduce((sum, { touches }) => sum + touches, 0)).toBe(blockedTouches);
      expect(messages.every((message) => message.path === path && message.touches > 0)).toBe(true);
      await file.close();
    } finally {
      await folder.stop();
    }
  });
});

describe('stats', () => {
  when(slowFolderLacks()).test('say how long entries took, and how many stand in the queue', async () => {
    const folder = await startSlowFolder({});
    try {
      const file = await open(await folder.write('file', Buffer.alloc(4 * MiB, 1)));
      expect(file.stats().fetchLatency).toEqual({ p50: 0, p90: 0, p99: 0, max: 0 });
      await folder.delay(50);
      await file.getPages([0, 100, 200]).arrived;
      const { p50, p90, p99, max } = file.stats().fetchLatency;
      // Never less than storage took, right to a fifth.
      expect(p50).toBeGreaterThanOrEqual(40);
      expect([p50, p90, p99, max]).toEqual([p50, p90, p99, max].sort((a, b) => a - b));
      await folder.delay(0);
      await folder.hang('file');
      const set = file.getPages(numbers(1024));
      await folder.untilHung(1, 'file');
      const { inFlight, queueDepth } = file.stats();
      expect(inFlight).toBe(set.misses);
      expect(queueDepth).toBeGreaterThanOrEqual(0);
      expect(queueDepth).toBeLessThanOrEqual(inFlight);
      await folder.release();
      await set.arrived;
      expect(file.stats()).toMatchObject({ inFlight: 0, queueDepth: 0 });
      await file.close();
    } finally {
      await folder.stop();
    }
  });

  test('go on counting over a refresh, and stay after close', async () => {
    const path = files.patterned('counted', 100 * PAGE);
    const file: MappedFile = await open(path);
    await file.getPages(numbers(100)).arrived;
    const before = file.stats();
    expect(before.hits + before.misses).toBe(100);
    await file.refresh();
    expect(file.stats()).toMatchObject({ hits: before.hits, misses: before.misses });
    await file.close();
    expect(file.stats()).toMatchObject({ hits: before.hits, misses: before.misses, windows: 0, inFlight: 0 });
  });
});
