import { builtPackage } from '../built-package';
import { programPath } from '../child';
import { TestFiles } from '../files';
import { memoryCgroupLacks, startMemoryCgroup } from '../rigs/memory-cgroup';
import { when } from '../when';

const MiB = 2 ** 20;
const files = TestFiles.make();
const { test } = when(memoryCgroupLacks());

test('a vector larger than memory arrives, and each of its entries is read', async () => {
  const entries = 512;
  const numbers = Array.from({ length: entries }, (_, i) => i);
  const number = (i: number): Buffer => {
    const content = Buffer.alloc(4);
    content.writeUInt32LE(i);
    return content;
  };
  const path = files.sparse(
    'larger',
    entries * MiB,
    numbers.map((i) => ({ offset: i * MiB, content: number(i) })),
  );
  const group = await startMemoryCgroup({ limit: 192 * MiB });
  try {
    const result = await group.run(process.execPath, [programPath('larger-than-memory.cjs'), builtPackage(), path]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(result.stdout)).toEqual({ yielded: entries, numbers, errors: 0, inFlight: 0 });
  } finally {
    await group.stop();
  }
});
