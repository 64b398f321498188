// Writes to every second page of views of a file, in spite of everything, then refreshes and reads what the file has. Words: file, pages.
const { readFileSync } = require('node:fs');
const { setTimeout: pause } = require('node:timers/promises');
const [, , built, path, count] = process.argv;
const { open } = require(built);

const pages = Number(count);

async function pageOf(file, page) {
  for (;;) {
    const view = file.tryPage(page);
    if (view) return view;
    await file.getPages([page]).arrived;
  }
}

function codes(file) {
  const found = {};
  for (let page = 0; page < pages; page++) {
    let code = 'none';
    try {
      file.tryPage(page);
    } catch (error) {
      code = error.code;
    }
    found[code] = (found[code] ?? 0) + 1;
  }
  return found;
}

async function main() {
  const file = await open(path);
  const size = file.pageSize;
  // A view has its window's memory behind it.
  const windows = new Map();
  for (let page = 0; page < pages; page += 8192) windows.set(page, new Uint8Array((await pageOf(file, page)).buffer));
  for (let page = 0; page < pages; page += 2) {
    const first = Math.floor(page / 8192) * 8192;
    windows.get(first)[(page - first) * size + 7] ^= 0xff;
  }
  let told = 'nothing';
  try {
    file.tryPage(1);
  } catch (error) {
    told = error.code;
  }
  const marked = codes(file);
  const { change } = await file.refresh();
  const after = codes(file);
  const content = readFileSync(path);
  let wrong = 0;
  for (let page = 0; page < pages; page += 61) {
    const from = page * size;
    if (!content.subarray(from, from + size).equals(Buffer.from(await pageOf(file, page)))) wrong += 1;
  }
  // One more write, after all those that have been put right: it must cost one page.
  (await pageOf(file, 3))[9] ^= 0xff;
  try {
    file.tryPage(1);
  } catch {}
  const once = codes(file);
  await file.close();
  const count = () => readFileSync('/proc/self/maps', 'utf8').split(path).length - 1;
  let mappings = count();
  // A window that was let go, and that the garbage collector has found right before, is being unmapped by V8's threads.
  for (let tries = 0; mappings > 0 && tries < 500; tries++) {
    await pause(10);
    mappings = count();
  }
  console.log(JSON.stringify({ told, marked, change, after, wrong, once, mappings }));
}

main();
