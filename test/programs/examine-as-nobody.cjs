// Examines a file without the rights of root, as `nofault doctor` does, and prints what was found.
const { dirname, join } = require('node:path');
const [, , built, path] = process.argv;
const { open } = require(built);
const { examineFile } = require(join(dirname(built), 'cli', 'doctor', 'file.js'));
const { systemFiles } = require(join(dirname(built), 'inspect', 'machine', 'system-files.js'));

async function main() {
  // The first opening loads the addon, which an unprivileged user may have no right to.
  await (await open(__filename)).close();
  if (process.getuid() === 0) {
    process.setgroups([]);
    process.setgid(65534);
    process.setuid(65534);
  }
  const groups = await examineFile(path, systemFiles);
  console.log(JSON.stringify(Object.assign({}, ...groups.map(({ findings }) => findings))));
}

main();
