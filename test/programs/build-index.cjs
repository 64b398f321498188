// Builds an index of endless, or of so many, rows that have each a name of its own, and says when it has begun to write:
// build-index.cjs PACKAGE OUT ROWS
const { readdirSync } = require('node:fs');
const { basename, dirname } = require('node:path');
const { buildIndex } = require(process.argv[2]);

const [, , , out, rows] = process.argv;
let peakKiB = 0;

function look() {
  const status = require('node:fs').readFileSync('/proc/self/status', 'utf8');
  peakKiB = Math.max(peakKiB, Number(/^RssAnon:\s+(\d+)/m.exec(status)[1]));
}

function* table() {
  for (let i = 0; i < Number(rows); i++) yield { name: `a name of its own ${i}`, number: (i * 7919) % 1_000_003, flag: i % 3 === 0 };
}

const timer = setInterval(look, 10);
let told = false;
buildIndex(table(), out, {
  onProgress: () => {
    look();
    if (told || !readdirSync(dirname(out)).some((name) => name.startsWith(`.${basename(out)}.`))) return;
    told = true;
    process.stdout.write('writing\n');
  },
})
  .then(
    ({ rows }) => process.stdout.write(`${JSON.stringify({ rows, peakMiB: peakKiB / 1024 })}\n`),
    ({ code, errno, message }) => process.stdout.write(`${JSON.stringify({ code, errno, message })}\n`),
  )
  .finally(() => clearInterval(timer));
