// Makes entries fail without anybody waiting for them. Run with --unhandled-rejections=strict, where any rejection that is not handled ends the process.
const [, , built, path, how] = process.argv;
const { open } = require(built);

const PAGES = Array.from({ length: 20_000 }, (_, i) => i * 800);
const moment = () => new Promise((resolve) => setTimeout(resolve, 20));

const WAYS = {
  async aborted(file) {
    const controller = new AbortController();
    file.getPages(PAGES, { signal: controller.signal });
    file.getPages([1, 2], { signal: AbortSignal.abort(new Error('before')) });
    controller.abort(new Error('during'));
  },
  async closed(file) {
    file.getPages(PAGES);
    file.prefetch(PAGES);
    await file.close();
  },
  async 'aborted-and-iterated'(file) {
    const controller = new AbortController();
    const set = file.getPages(PAGES, { signal: controller.signal });
    setImmediate(() => controller.abort(new Error('during')));
    for await (const entry of set) {
      try {
        set.bytes(entry);
      } catch {
        // The entry's own error, asked about here and nowhere else.
      }
    }
  },
  async 'arrived-dropped-by-iteration'(file) {
    const controller = new AbortController();
    const set = file.getPages(PAGES, { signal: controller.signal });
    for await (const entry of set) {
      if (entry >= 0) break;
    }
    controller.abort(new Error('after the loop'));
  },
};

async function main() {
  const file = await open(path);
  await WAYS[how](file);
  await moment();
  await file.close();
  await moment();
  console.log('done');
}

main();
