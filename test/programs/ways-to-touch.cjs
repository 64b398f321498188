// Ways to read and to write views of two pages. Each returns something that can be looked at.
const { createHash, randomFill, randomFillSync, timingSafeEqual } = require('node:crypto');
const fs = require('node:fs');
const { MessageChannel, receiveMessageOnPort } = require('node:worker_threads');
const zlib = require('node:zlib');
const { promisify } = require('node:util');

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

function hotWrite(bytes) {
  for (let i = 0; i < bytes.length; i += 16) bytes[i] = i;
  return bytes[5008];
}

/** Until the functions for it have been compiled, where they are. */
function warm() {
  const room = new Uint8Array(8192);
  for (let i = 0; i < 3000; i++) {
    hotSum(room);
    hotWrite(room);
  }
}

/** Newer Nodes refuse to send what is mapped. */
const sendable = (view) => (Number.parseInt(process.versions.node, 10) < 22 ? view : view.slice());

const asBuffer = (view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

const READS = {
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
  // The kernel takes the bytes, and raises no signal.
  'fs.writeSync': (view) => writeTo('/dev/shm', view),
};

/** Each changes at least the second page, and returns whether the view shows it. */
const WRITES = {
  'hot loop': (view) => hotWrite(view) === (5008 & 0xff),
  'one byte': (view) => {
    const before = view[5000];
    view[5000] ^= 0xff;
    return view[5000] === 255 - before;
  },
  fill: (view) => asBuffer(view).fill(7)[5000] === 7,
  swap16: (view) => asBuffer(view).swap16().length === 8192,
  set: (view) => {
    view.set(new Uint8Array(8192).fill(9));
    return view[5000] === 9;
  },
  copyWithin: (view) => view.copyWithin(4096, 0, 4096)[4096] === view[0],
  reverse: (view) => view.reverse().length === 8192,
  sort: (view) => view.sort().at(-1) >= view[0],
  'Atomics.add': (view) => (Atomics.add(view, 5000, 1) + 1) % 256 === view[5000],
  DataView: (view) => {
    const data = new DataView(view.buffer, view.byteOffset, view.byteLength);
    data.setFloat64(5000, 0.5);
    return data.getFloat64(5000) === 0.5;
  },
  Float64Array: (view) => new Float64Array(view.buffer, view.byteOffset, view.byteLength / 8).fill(1.5)[600] === 1.5,
  'copied into': (view) => Buffer.alloc(8192, 5).copy(asBuffer(view)) === 8192 && view[5000] === 5,
  'write utf8': (view) => asBuffer(view).write('written', 5000) === 7 && asBuffer(view).toString('latin1', 5000, 5007) === 'written',
  'write base64': (view) => asBuffer(view).write('AAECAwQF', 5000, 'base64') === 6 && view[5005] === 5,
  writeBigUInt64LE: (view) => asBuffer(view).writeBigUInt64LE(77n, 5000) === 5008 && view[5000] === 77,
  encodeInto: (view) => new TextEncoder().encodeInto('x'.repeat(8192), view).written === 8192 && view[5000] === 120,
  randomFillSync: (view) => randomFillSync(view).length === 8192,
  'randomFill on a thread': (view) => promisify(randomFill)(view).then((bytes) => bytes.length === 8192),
  // The kernel writes, and raises no signal.
  'fs.readSync': (view) => asked('/dev/zero', 'r', (fd) => fs.readSync(fd, view)),
};

/** What the kernel answers to a call with a file, or why it refuses. */
function asked(path, flags, call) {
  const fd = fs.openSync(path, flags);
  try {
    return `${call(fd)} bytes`;
  } catch ({ code }) {
    return code;
  } finally {
    fs.closeSync(fd);
  }
}

function writeTo(folder, view) {
  const path = `${folder}/nofault-ways-to-touch-${process.pid}`;
  try {
    return asked(path, 'w', (fd) => fs.writeSync(fd, view));
  } finally {
    fs.rmSync(path, { force: true });
  }
}

module.exports = { READS, WRITES, warm };
