// Opens a file without the rights of root and prints the error that came of it.
const [, , built, path] = process.argv;
const { open } = require(built);

async function main() {
  // The first opening loads the addon, which an unprivileged user may have no right to.
  await (await open(__filename)).close();
  if (process.getuid() === 0) {
    process.setgroups([]);
    process.setgid(65534);
    process.setuid(65534);
  }
  try {
    await open(path);
    console.log(JSON.stringify({ opened: true }));
  } catch ({ name, code, errno, syscall, path: where }) {
    console.log(JSON.stringify({ name, code, errno, syscall, path: where }));
  }
}

main();
