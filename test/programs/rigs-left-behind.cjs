// Starts a rig of each kind, prints what it has made, and ends without stopping them.
const { dirname, join } = require('node:path');
const { readFile, stat } = require('node:fs/promises');
const { writeSync } = require('node:fs');
const [, , , rigs, how] = process.argv;
const { startMemoryCgroup } = require(join(rigs, 'memory-cgroup.js'));
const { startSlowDisk } = require(join(rigs, 'slow-disk.js'));
const { startSlowFolder } = require(join(rigs, 'slow-folder.js'));
const { loopsBelow, mountsBelow } = require(join(rigs, 'undo.js'));

async function main() {
  const folder = await startSlowFolder();
  const disk = await startSlowDisk({ fs: 'ext4' });
  const group = await startMemoryCgroup({ limit: 64 * 2 ** 20 });
  group.start('sleep', ['1000'], {}, { stdio: 'ignore' }).unref();
  const scratches = [folder, disk].map((rig) => dirname(rig.folder));
  const count = (list) => scratches.flatMap(list).length;
  // At once and whole, for it is the last thing that this process says.
  writeSync(1, JSON.stringify({ scratches, group: group.folder, mounts: count(mountsBelow), loops: count(loopsBelow) }));
  if (how === 'ended') return;
  if (how === 'killed with a read that hangs') {
    await folder.write('file', 'content');
    await folder.hang('file');
    readFile(folder.path('file')).catch(() => {});
    await folder.untilHung();
  }
  if (how === 'killed where everything hangs') {
    const path = await disk.write('file', Buffer.alloc(4096, 1));
    await disk.hangEverything();
    readFile(path).catch(() => {});
    await folder.hangEverything();
    stat(folder.path('nowhere')).catch(() => {});
    await Promise.all([folder.untilHung(), disk.untilHung()]);
  }
  process.kill(process.pid, 'SIGKILL');
}

main();
