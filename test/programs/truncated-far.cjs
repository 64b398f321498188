// Touches every second page of a large file that has been truncated under its views. Words: file, what it is truncated to.
const { readFileSync, truncateSync, writeFileSync } = require('node:fs');
const [, , built, path, left] = process.argv;
const { open } = require(built);

const WINDOW = 8192;

async function pageOf(file, page) {
  for (;;) {
    const view = file.tryPage(page);
    if (view) return view;
    await file.getPages([page]).arrived;
  }
}

function codeOf(call) {
  try {
    return call() ? 'bytes' : 'nothing';
  } catch (error) {
    return error.code;
  }
}

async function main() {
  const file = await open(path);
  const size = file.pageSize;
  const views = [];
  for (let page = 0; page < file.pageCount; page += WINDOW) views.push(new Uint8Array((await pageOf(file, page)).buffer));
  truncateSync(path, Number(left));
  let sum = 0;
  let touched = 0;
  for (const view of views) {
    for (let at = 0; at < view.length; at += 2 * size) {
      sum += view[at];
      touched += 1;
    }
  }
  const mappings = readFileSync('/proc/self/maps', 'utf8').split('\n').length;
  const told = codeOf(() => file.tryPage(file.pageCount - 1));
  const again = codeOf(() => file.tryPage(file.pageCount - 1));
  // The file comes back in its old length, with something in it.
  truncateSync(path, file.size);
  const marked = codeOf(() => file.tryPage(file.pageCount - 2));
  const { change } = await file.refresh();
  const healed = (await pageOf(file, file.pageCount - 2)).length;
  writeFileSync(path, '');
  const { size: nothing } = await file.refresh();
  await file.close();
  console.log(
    JSON.stringify({
      sum,
      touched,
      mappings,
      told,
      again,
      marked,
      change,
      healed,
      nothing,
      left: views.filter((view) => view.length > 0).length,
    }),
  );
}

main();
