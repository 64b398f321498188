// Asks for a whole file in one vector, runs of 1 MiB, reads each entry in the turn in which it is yielded, and prints what it has read: how many entries, and
// for each the number that its first bytes are. Then asks again, and waits for all of it.
const [, , built, path] = process.argv;
const { open } = require(built);

const RUN = 2 ** 20;

/** The number that an entry begins with. Where memory is short it may leave between its turn and this call: then it is asked for until it stays. */
async function numberOf(file, run, set, entry) {
  try {
    return Buffer.from(set.bytes(entry).subarray(0, 4)).readUInt32LE();
  } catch (error) {
    if (error.code !== 'NOT_RESIDENT') throw error;
    const again = file.getPages([run]);
    await again.arrived;
    return numberOf(file, run, again, 0);
  }
}

async function main() {
  const file = await open(path);
  const count = RUN / file.pageSize;
  const vector = Array.from({ length: file.size / RUN }, (_, i) => ({ first: i * count, count }));
  const numbers = new Array(vector.length).fill(-1);
  let yielded = 0;
  const set = file.getPages(vector);
  for await (const entry of set) {
    yielded++;
    numbers[entry] = await numberOf(file, vector[entry], set, entry);
  }
  await file.getPages(vector).arrived;
  const { errors, inFlight } = file.stats();
  await file.close();
  console.log(JSON.stringify({ yielded, numbers, errors, inFlight }));
}

main();
