// Takes views of several files, says that it has them, and waits for a word: meanwhile somebody truncates the files or has their disk fail. Then touches each view
// in another way, and prints what came of it, a line of JSON each. Words: files' prefix, 'main' or 'worker'.
const { createHash, timingSafeEqual } = require('node:crypto');
const fs = require('node:fs');
const { Worker, isMainThread, workerData, MessageChannel, receiveMessageOnPort } = require('node:worker_threads');
const zlib = require('node:zlib');
const { promisify } = require('node:util');

const [, , builtWord, prefixWord, where] = process.argv;
const { built, prefix } = isMainThread ? { built: builtWord, prefix: prefixWord } : workerData;
const { open } = require(built);

function sum(bytes) {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 16) total += bytes[i];
  return total;
}

function hotSum(bytes) {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 16) total += bytes[i];
  return total;
}

function warm() {
  const room = new Uint8Array(8192);
  for (let i = 0; i < 3000; i++) hotSum(room);
}

/** Newer Nodes refuse to send what is mapped. */
const sendable = (view) => (Number.parseInt(process.versions.node, 10) < 22 ? view : view.slice());

const asBuffer = (view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

/** Each gets a view of two pages, of which at least the second is bad. */
const ACCESSES = {
  cold: (view) => sum(view),
  hot: (view) => hotSum(view),
  'one byte': (view) => view[5000],
  DataView: (view) => new DataView(view.buffer, view.byteOffset, view.byteLength).getFloat64(5000),
  Float64Array: (view) => new Float64Array(view.buffer, view.byteOffset, view.byteLength / 8).reduce((a, b) => a + b),
  Atomics: (view) => Atomics.load(view, 5000),
  'Uint8Array copy': (view) => new Uint8Array(view).length,
  slice: (view) => view.slice(4000, 5000).length,
  every: (view) => view.every((byte) => byte >= 0),
  set: (view) => new Uint8Array(8192).set(view),
  'Buffer.from': (view) => Buffer.from(view).length,
  indexOf: (view) => asBuffer(view).indexOf('nothing like it is in there'),
  'indexOf byte': (view) => asBuffer(view).indexOf(Buffer.alloc(9, 7)),
  compare: (view) => Buffer.compare(asBuffer(view), asBuffer(view).subarray(0, 8000)),
  equals: (view) => asBuffer(view).equals(Buffer.alloc(8192)),
  timingSafeEqual: (view) => timingSafeEqual(view, Buffer.alloc(8192)),
  copy: (view) => asBuffer(view).copy(Buffer.alloc(8192)),
  'toString latin1': (view) => asBuffer(view).toString('latin1').length,
  'toString utf8': (view) => asBuffer(view).toString('utf8').length > 0,
  'toString hex': (view) => asBuffer(view).toString('hex').length,
  'toString base64': (view) => asBuffer(view).toString('base64').length,
  TextDecoder: (view) => new TextDecoder().decode(view).length > 0,
  readBigUInt64LE: (view) => String(asBuffer(view).readBigUInt64LE(5000)),
  sha256: (view) => createHash('sha256').update(view).digest('hex'),
  crc32: (view) => (zlib.crc32 ? zlib.crc32(view) : sum(view)),
  gzipSync: (view) => zlib.gzipSync(view).length > 0,
  'gzip on a thread': (view) => promisify(zlib.gzip)(view).then((bytes) => bytes.length > 0),
  structuredClone: (view) => structuredClone(sendable(view)).length,
  postMessage: (view) => {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(sendable(view));
    const { message } = receiveMessageOnPort(port2);
    port1.close();
    return message.length;
  },
  'toSorted by value': (view) => Uint8Array.from(view).sort()[0],
  'fs.writeSync': (view) => writeTo('/dev/shm', view),
  fill: (view) => asBuffer(view).fill(1).length,
  swap16: (view) => asBuffer(view).swap16().length,
  'write one byte': (view) => {
    view[5000] = 1;
    return view[5000];
  },
  'Atomics.add': (view) => Atomics.add(view, 5000, 1),
};

/** The kernel takes the bytes, and raises no signal. */
function writeTo(folder, view) {
  const path = `${folder}/nofault-bad-touches-${process.pid}`;
  const fd = fs.openSync(path, 'w');
  try {
    return `${fs.writeSync(fd, view)} bytes`;
  } catch ({ code }) {
    return code;
  } finally {
    fs.closeSync(fd);
    fs.unlinkSync(path);
  }
}

function codeOf(call) {
  try {
    const value = call();
    return value instanceof Uint8Array ? 'bytes' : String(value);
  } catch (error) {
    return error.code ?? String(error);
  }
}

async function main() {
  warm();
  const names = Object.keys(ACCESSES);
  const files = await Promise.all(names.map((_, i) => open(prefix + i)));
  const size = files[0].pageSize;
  const views = [];
  for (const file of files) {
    let view = file.tryRange(size, 2 * size);
    while (!view) {
      await file.getRanges([{ offset: size, length: 2 * size }]).arrived;
      view = file.tryRange(size, 2 * size);
    }
    views.push(view);
  }
  say('ready');
  await word();
  for (const [i, name] of names.entries()) {
    let value;
    try {
      value = await ACCESSES[name](views[i]);
    } catch (error) {
      value = error.code ?? String(error);
    }
    const file = files[i];
    // A page that the failure does not concern; and the bad one, twice.
    const told = codeOf(() => file.tryPage(3));
    let again = codeOf(() => file.tryPage(0));
    // It may leave memory at any moment, and is brought back.
    while (again === 'undefined') {
      await file.getPages([0]).arrived;
      again = codeOf(() => file.tryPage(0));
    }
    const bad = [0, 1].map(() => codeOf(() => file.tryRange(size, 2 * size)));
    const read = await file.read([Buffer.alloc(2 * size)], [size]).then(String, ({ code }) => code);
    say(JSON.stringify({ name, value, told, again, bad, read, lastError: file.stats().lastError?.code }));
  }
  await Promise.all(files.map((file) => file.close()));
  say(`closed, ${views.reduce((total, view) => total + view.length, 0)} bytes left`);
}

function say(line) {
  fs.writeSync(1, `${line}\n`);
}

/** A line on stdin. Read so that it works in a worker, too. */
function word() {
  return new Promise((resolve, reject) => fs.read(0, Buffer.alloc(16), 0, 16, null, (error) => (error ? reject(error) : resolve())));
}

if (isMainThread && where === 'worker') new Worker(__filename, { workerData: { built, prefix } });
else main();
