// Opens a file many times and prints what one opening costs in memory of this process.
const [, , built, path, times] = process.argv;
const { open } = require(built);

function used() {
  gc();
  return process.memoryUsage.rss();
}

async function main() {
  const warmUp = await Promise.all(Array.from({ length: 50 }, () => open(path)));
  const before = used();
  const files = [];
  for (let i = 0; i < Number(times); i++) files.push(await open(path));
  const after = used();
  console.log(JSON.stringify({ bytesPerFile: Math.max(0, after - before) / files.length }));
  await Promise.all([...warmUp, ...files].map((file) => file.close()));
}

main();
