// Reads a file of numbers that another process appends to, up to the size that refresh has found. Words: file, bytes that it grows to.
const { spawn } = require('node:child_process');
const [, , built, path, bytes] = process.argv;
const { open } = require(built);

/** Appends pieces of any length of a file in which every 4 bytes are their own place. */
const APPENDING = `
const { openSync, writeSync } = require('node:fs');
const whole = Buffer.alloc(${bytes});
for (let at = 0; at < whole.length; at += 4) whole.writeUInt32LE(at, at);
const fd = openSync(process.argv[1], 'a');
for (let at = 0; at < whole.length; ) at += writeSync(fd, whole, at, Math.min(whole.length - at, 1 + ((at * 7919) % 30011)));
`;

async function main() {
  const file = await open(path);
  const writer = spawn(process.execPath, ['-e', APPENDING, path], { stdio: 'inherit' });
  let wrong = 0;
  let grown = 0;
  const room = Buffer.alloc(1 << 20);
  for (let from = 0; file.size < Number(bytes); ) {
    const { change, size } = await file.refresh();
    if (size !== file.size) wrong += 1;
    if (change === 'grown') grown += 1;
    else await new Promise(setImmediate);
    // From before the old end to the new one; then some page of it by its view.
    from = Math.min(from, size);
    for (; from + 4 <= size; from += room.length) {
      const part = room.subarray(0, Math.min(room.length, (size - from) & ~3));
      await file.read([part], [from]);
      for (let at = 0; at < part.length; at += 4) if (part.readUInt32LE(at) !== from + at) wrong += 1;
    }
    from = Math.max(0, (size & ~3) - 4096);
    const page = Math.floor(size / file.pageSize) - 1;
    if (page < 0) continue;
    const set = file.getPages([page]);
    await set.arrived;
    const view = file.tryPage(page);
    if (view && new Uint32Array(view.buffer, view.byteOffset, 1024).some((word, i) => word !== page * file.pageSize + 4 * i)) wrong += 1;
  }
  const { size } = file;
  await new Promise((resolve) => (writer.exitCode === null ? writer.once('exit', resolve) : resolve()));
  await file.close();
  console.log(JSON.stringify({ wrong, grown, size }));
}

main();
