// As read.cjs, by `import`.
import { readFileSync } from 'node:fs';
import { open } from 'nofault';

const path = process.argv[2];
const file = await open(path);
const pages = file.getPages([1, file.pageCount - 1]);
const got = [];
for await (const entry of pages) got[entry] = Buffer.from(pages.bytes(entry));
const whole = readFileSync(path);
const last = (file.pageCount - 1) * file.pageSize;
const same = got[0].equals(whole.subarray(file.pageSize, 2 * file.pageSize)) && got[1].equals(whole.subarray(last));
await file.close();
console.log(JSON.stringify({ same, size: file.size }));
