// Inspects a path and prints what is known of it. Words: the built package, the path.
const [, , built, path] = process.argv;
const { inspect, residencyOf, warm, evict } = require(built);

async function last(items) {
  let item;
  for await (const one of items) item = one;
  return item;
}

const plain = ({ size, residentBytes, unknownBytes, error, kernel, cells }) => ({
  size,
  residentBytes,
  unknownBytes,
  code: error?.code,
  kernel: kernel !== undefined,
  cells: cells && [...cells],
});

async function main() {
  const counted = plain(await last(inspect(path, { cells: 2 })));
  const again = plain(await last(inspect(path, { cells: 2 })));
  const mapped = plain(await last(inspect(path, { map: true })));
  const { residentBytes, unknownBytes } = await residencyOf(path);
  const warmed = await last(warm(path));
  const evicted = await last(evict(path));
  console.log(JSON.stringify({ counted, again, mapped, map: { residentBytes, unknownBytes }, warmed, evicted }));
}

main();
