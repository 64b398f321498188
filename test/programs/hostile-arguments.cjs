// Calls every function of the addon past the library, with arguments that it must refuse, and prints those calls that went through: a line of JSON. Words: file.
const { dirname, join } = require('node:path');
const fs = require('node:fs');
const [, , built, path] = process.argv;
const { addon } = require(join(dirname(built), 'native.js'));

const native = addon();
const PAGE = native.pageSize;
const NOTHING = [undefined, null, true, 'text', {}, [], 7n, Symbol('symbol'), () => {}];
const NO_ARRAYS = [...NOTHING, 5, new ArrayBuffer(64), new DataView(new ArrayBuffer(64)), new Float32Array(8), new Int8Array(8)];

/** For each kind of argument, what is none. */
const KINDS = {
  whole: [...NOTHING, Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53, 1e300],
  number: NOTHING,
  bound: [...NOTHING, Number.NaN, -1, Number.POSITIVE_INFINITY, 2 ** 53],
  bytes: [...NO_ARRAYS, new Float64Array(8), new Uint32Array(8)],
  words: [...NO_ARRAYS, new Float64Array(8), new Uint8Array(8)],
  doubles: [...NO_ARRAYS, new Uint8Array(8), new Uint32Array(8)],
  integers: [...NO_ARRAYS, new Float64Array(8)],
  buffer: [...NO_ARRAYS, Buffer.alloc(0)],
  path: [...NOTHING, 5, new ArrayBuffer(64), Buffer.alloc(0), Buffer.from('a\0b')],
  memory: [...NOTHING, 5, Buffer.alloc(8), new ArrayBuffer(8)],
  list: [...NOTHING.filter((value) => !Array.isArray(value)), 5, new Uint8Array(8), [5], [{}], [null]],
  object: [undefined, null, true, 'text', 7n, 5, Symbol('symbol')],
  callback: [undefined, null, true, 'text', {}, [], 7n, 5],
  handle: [...NOTHING, 5, new Uint8Array(8)],
  // Whatever comes is a flag.
  flag: [],
};
const optional = (kind) => ({ kind, optional: true });

const through = [];
let calls = 0;

function describe(value) {
  if (typeof value === 'object' && value !== null) return `${value.constructor?.name} ${value.length ?? ''}`.trim();
  return typeof value === 'bigint' ? `${value}n` : String(value);
}

/** The call must throw, or reject. */
async function refused(name, call) {
  calls += 1;
  let answer;
  try {
    answer = call();
    if (typeof answer?.then === 'function') answer = await answer;
  } catch (error) {
    if (error instanceof Error) return;
    answer = error;
  }
  through.push(`${name} gave ${describe(answer)}`);
}

/** Each argument in turn is one of those that there must not be; the others are good. */
async function eachWrong(name, call, ...parameters) {
  for (const [at, { kind, value }] of parameters.entries()) {
    const wrong = kind.optional ? KINDS[kind.kind].slice(1) : KINDS[kind];
    for (const one of wrong) {
      const args = parameters.map((parameter) => parameter.value);
      args[at] = one;
      await refused(`${name}(${args.map(describe).join(', ')})`, () => call(...args));
    }
    // One whose memory has been given away is as good as empty: whatever comes of that, nothing crashes.
    if (ArrayBuffer.isView(value)) {
      const gone = value instanceof Uint8Array ? new Uint8Array(value) : value.slice();
      structuredClone(gone.buffer, { transfer: [gone.buffer] });
      const args = parameters.map((parameter) => parameter.value);
      args[at] = gone;
      try {
        await call(...args);
      } catch {}
    }
  }
}
const is = (kind, value) => ({ kind, value });

async function files() {
  const file = await native.open(Buffer.from(path), true);
  const pages = Math.ceil(file.size / PAGE);
  const first = Float64Array.of(0, 1);
  const count = Float64Array.of(1, 1);
  const entries = Uint32Array.of(0, 1);
  const methods = {
    place: [is('whole', 0), is('buffer', native.map(Math.min(native.windowLength, pages * PAGE)))],
    remove: [is('whole', 0), is('buffer', Buffer.alloc(PAGE)), is('flag', true)],
    idle: [is('whole', 0)],
    empty: [is('doubles', Float64Array.of(0))],
    residency: [
      is('doubles', first),
      is('doubles', count),
      is('whole', 0),
      is('whole', 2),
      is('bytes', new Uint8Array(2)),
      is('flag', false),
      is('flag', true),
    ],
    mapped: [is('words', entries), is('doubles', first), is('doubles', count)],
    fetch: [is('words', entries), is('doubles', first), is('doubles', count), is('flag', false)],
    cancel: [is('number', 1)],
    residencyMap: [is('whole', 0), is('whole', 1)],
    look: [is(optional('path'), Buffer.from(path))],
    resize: [is('whole', file.size)],
    readNow: [is('whole', 0), is('bytes', new Uint8Array(8))],
    marked: [is('whole', 0), is('whole', 1)],
    lock: [is('doubles', Float64Array.of(0, 1)), is('whole', 0)],
    unlock: [is('doubles', Float64Array.of(0, 1)), is('whole', 0)],
    confirm: [is('doubles', Float64Array.of(0, 1))],
    endLocks: [is('doubles', Float64Array.of(0))],
  };
  for (const [name, parameters] of Object.entries(methods)) await eachWrong(name, (...args) => file[name](...args), ...parameters);

  const window = methods.place[1].value;
  await refused('place of what was not adopted', () => file.place(0, window));
  await eachWrong('adopt', (...args) => native.adopt(...args), is('buffer', window));
  await refused('adopt of part of a page', () => native.adopt(window.subarray(0, PAGE + 1)));
  native.adopt(window);
  await refused('adopt twice', () => native.adopt(window));
  await refused('place of another length', () => file.place(0, Buffer.alloc(PAGE)));
  await refused('place of a window that there is not', () => file.place(1000, window));
  file.place(0, window);
  await refused('place twice', () => file.place(0, window));
  await refused('remove another buffer', () => file.remove(0, Buffer.alloc(PAGE), true));
  await refused('detach what is in use', () => native.detach(window.buffer));
  for (const values of [
    [pages, 1],
    [0, pages + 1],
    [0, 0],
    [Number.NaN, 1],
    [0, Number.NaN],
    [-1, 1],
    [2 ** 52, 2 ** 52],
    [0, 2 ** 33],
  ]) {
    const [one, two] = values.map((value) => Float64Array.of(value));
    for (const name of ['fetch', 'mapped']) await refused(`${name} ${values}`, () => file[name](Uint32Array.of(0), one, two, false));
  }
  for (const values of [
    [0, 0],
    [Number.NaN, 1],
    [0, Number.NaN],
    [-1, 1],
    [0, 2 ** 20],
    [2 ** 53, 1],
  ]) {
    const [one, two] = values.map((value) => Float64Array.of(value));
    await refused(`residency ${values}`, () => file.residency(one, two, 0, 1, new Uint8Array(1), false, true));
  }
  await refused('fetch of an entry that there is not', () => file.fetch(Uint32Array.of(2), first, count, false));
  await refused('fetch of nothing', () => file.fetch(new Uint32Array(0), first, count, false));
  await refused('residency behind the arrays', () => file.residency(first, count, 0, 3, new Uint8Array(3), false, true));
  await refused('residency with few states', () => file.residency(first, count, 0, 2, new Uint8Array(1), false, true));
  await refused('residency backwards', () => file.residency(first, count, 2, 1, new Uint8Array(2), false, true));
  await refused('readNow behind the end', () => file.readNow(file.size - 4, new Uint8Array(8)));
  await refused('residencyMap behind the end', () => file.residencyMap(pages, 1));
  await refused('marked behind the end', () => file.marked(pages, 1));
  await refused('empty a window that there is not', () => file.empty(Float64Array.of(1000)));
  for (const name of ['lock', 'unlock', 'confirm']) {
    for (const edges of [[1, 0], [0], [0, pages + 1], [Number.NaN, 1], [0, 1, 1, 2], [-1, 1]])
      await refused(`${name} ${edges}`, () => file[name](Float64Array.from(edges), 0));
  }
  await refused('endLocks of a window that there is not', () => file.endLocks(Float64Array.of(1000)));
  // The one that says "missing" instead, because it is called for every hit.
  for (const wrong of [...KINDS.whole, pages, 2 ** 40]) {
    if (wrong !== true && wrong !== 0.5 && file.hit(wrong) !== 0) through.push(`hit(${describe(wrong)})`);
  }
  await refused('a method of nobody', () => file.place.call({}, 0, window));
  await refused('a method of another object', () => file.place.call(new native.Build(new Uint8Array(0)), 0, window));
  for (const wrong of [...KINDS.handle, await handleOfFolder()])
    await refused(`new File(${describe(wrong)})`, () => new file.constructor(wrong));
  file.remove(0, window, true);
  await file.close();
  for (const name of [...Object.keys(methods), 'counters', 'sizeNow', 'touching', 'close']) {
    if (name !== 'cancel') await refused(`${name} after close`, () => file[name](...(methods[name] ?? []).map(({ value }) => value)));
  }
  if (file.hit(0) !== 0) through.push('hit after close');
  await eachWrong('open', (...args) => native.open(...args), is('path', Buffer.from(path)), is('flag', true));
  for (const wrong of [-1, Number.NaN, 0.5, 2 ** 31, 999_999]) await refused(`open(${wrong})`, () => native.open(wrong, true));
}

async function handleOfFolder() {
  return (await native.openFolder(Buffer.from(dirname(path)), true)).handle;
}

async function inspection() {
  const name = Buffer.from(path);
  const { handle: cached } = await native.openCached(name);
  const folder = await handleOfFolder();
  const names = Buffer.from(`${path}\0`);
  await eachWrong('probe', (...args) => native.probe(...args), is(optional('path'), name));
  await eachWrong(
    'survey',
    (...args) => native.survey(...args),
    is('path', names),
    is('whole', 1),
    is('whole', 0),
    is(optional('handle'), folder),
  );
  await eachWrong(
    'openFolder',
    (...args) => native.openFolder(...args),
    is('path', Buffer.from(dirname(path))),
    is('flag', true),
    is(optional('handle'), folder),
    is('whole', 5),
  );
  await eachWrong(
    'readFolder',
    (...args) => native.readFolder(...args),
    is('handle', folder),
    is('whole', 5),
    is(optional('whole'), 1),
    is('whole', 0),
  );
  await eachWrong('closeFolder', (...args) => native.closeFolder(...args), is('handle', folder));
  await eachWrong('openCached', (...args) => native.openCached(...args), is('path', name), is(optional('path'), Buffer.from('/')));
  await eachWrong('residencyOf', (...args) => native.residencyOf(...args), is('handle', cached), is('whole', 0), is('whole', 1));
  await eachWrong('missing', (...args) => native.missing(...args), is('handle', cached), is('whole', 0), is('whole', 1));
  await eachWrong(
    'bringIn',
    (...args) => native.bringIn(...args),
    is('handle', cached),
    is('doubles', Float64Array.of(0, 1)),
    is('flag', false),
  );
  await eachWrong('drop', (...args) => native.drop(...args), is('handle', cached), is('whole', 0), is('whole', 1), is('flag', false));
  await eachWrong('closeCached', (...args) => native.closeCached(...args), is('handle', cached));
  for (const edges of [[1, 0], [0], [Number.NaN, 1], [2 ** 53, 2 ** 54]])
    await refused(`bringIn ${edges}`, () => native.bringIn(cached, Float64Array.from(edges), false));
  await refused('survey with too many cells', () => native.survey(names, 1, 2 ** 20));
  await refused('survey of names without an end', () => native.survey(name, 1, 0));
  // One kind of handle is not the other.
  for (const call of ['residencyOf', 'missing', 'drop']) await refused(`${call} of a folder`, () => native[call](folder, 0, 1, false));
  await refused('closeCached of a folder', () => native.closeCached(folder));
  await refused('closeFolder of a file', () => native.closeFolder(cached));
  await refused('readFolder of a file', () => native.readFolder(cached, 5));
  native.closeCached(cached);
  native.closeFolder(folder);
  await refused('residencyOf after close', () => native.residencyOf(cached, 0, 1));
  await refused('readFolder after close', () => native.readFolder(folder, 5));
}

async function bitmaps() {
  // Of the values 1, 2 and 3: the cookie, one container, its key and cardinality, where it lies, the values.
  const bitmap = Uint8Array.of(0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 16, 0, 0, 0, 1, 0, 2, 0, 3, 0);
  const header = new native.Header(bitmap, bitmap.length);
  const code = Uint32Array.of(1, 0);
  const scanOf = (goal) => new native.Scan(code, [header], Uint32Array.of(0), Float64Array.of(0), new Uint32Array(0), goal, 100);
  const scan = scanOf(1);
  const step = new native.Step(scan, 1e6, 100, 100, false);
  await eachWrong('crc32c', (...args) => native.crc32c(...args), is('bytes', bitmap), is(optional('whole'), 0));
  await eachWrong('Header', (...args) => new native.Header(...args), is('bytes', bitmap), is('whole', bitmap.length));
  for (const name of ['find', 'place']) await eachWrong(name, (...args) => header[name](...args), is('whole', 0));
  await eachWrong(
    'Scan',
    (...args) => new native.Scan(...args),
    is('words', code),
    is('list', [header]),
    is('words', Uint32Array.of(0)),
    is('doubles', Float64Array.of(0)),
    is('words', new Uint32Array(0)),
    is('whole', 0),
    is('whole', 100),
  );
  await eachWrong(
    'Step',
    (...args) => new native.Step(...args),
    is('handle', scan),
    is(optional('bound'), 100),
    is('bound', 100),
    is('bound', 100),
    is('flag', false),
  );
  await eachWrong('arrive', (...args) => step.arrive(...args), is('whole', 0), is('bytes', bitmap.subarray(16)));
  await eachWrong('takeRows', (...args) => step.takeRows(...args), is('whole', 5));
  await eachWrong('assemble', (...args) => native.assemble(...args), is('list', [step]));
  await eachWrong(
    'checkContainers',
    (...args) => native.checkContainers(...args),
    is('handle', header),
    is('whole', 0),
    is('whole', 1),
    is('bytes', bitmap.subarray(16)),
    is('whole', 0),
  );
  await refused('Scan of a scan', () => new native.Scan(code, [scan], Uint32Array.of(0), Float64Array.of(0), new Uint32Array(0), 0, 100));
  await refused(
    'Scan of one place too few',
    () => new native.Scan(code, [header], new Uint32Array(0), Float64Array.of(0), new Uint32Array(0), 0, 100),
  );
  await refused(
    'Scan of a bitmap nowhere',
    () => new native.Scan(code, [header], Uint32Array.of(0), Float64Array.of(Number.NaN), new Uint32Array(0), 0, 100),
  );
  await refused('Scan of no goal', () => scanOf(5));
  for (const wrong of [[], [9], [1], [1, 5], [2], [2, 2, 1, 0], [2, 2 ** 31], [1, 0, 1, 0]]) {
    await refused(
      `Scan of ${wrong}`,
      () => new native.Scan(Uint32Array.from(wrong), [header], Uint32Array.of(0), Float64Array.of(0), new Uint32Array(0), 0, 100),
    );
  }
  await refused('Step of a header', () => new native.Step(header, 1, 1, 1, false));
  await refused('Step called as a function', () => native.Step(scan, 1, 1, 1, false));
  await refused('assemble of a scan', () => native.assemble([scan]));
  await refused('checkContainers of a step', () => native.checkContainers(step, 0, 1, bitmap.subarray(16), 0));
  await refused('checkContainers of too few bytes', () => native.checkContainers(header, 0, 1, bitmap.subarray(17), 0));
  await refused('checkContainers that there are not', () => native.checkContainers(header, 0, 2, bitmap.subarray(16), 0));
  await refused('arrive of few bytes', () => step.arrive(0, bitmap.subarray(17)));
  await refused('arrive of a range that there is not', () => step.arrive(1, bitmap.subarray(16)));
  step.arrive(0, bitmap.subarray(16));
  step.combine();
  if (step.takeRows(5).join() !== '1,2,3') through.push('the step has other rows');
  await evaluations(scanOf, bitmap);
}

/** LOOK.step of src/native/bitmap.ts. */
const LOOK_STEP = 1;

async function evaluations(scanOf, bitmap) {
  const name = `${path}.bitmap`;
  fs.writeFileSync(name, bitmap);
  const file = await native.open(Buffer.from(name), true);
  const wake = () => {};
  await eachWrong(
    'Evaluation',
    (...args) => new native.Evaluation(...args),
    is('handle', scanOf(0)),
    is('list', [file]),
    is('callback', wake),
    is('flag', false),
    is('flag', false),
    is('flag', false),
  );
  await refused('Evaluation of no file', () => new native.Evaluation(scanOf(0), [], wake, false, false, false));
  const scan = scanOf(0);
  const evaluation = new native.Evaluation(scan, [file], wake, false, false, false);
  await refused('Evaluation of a scan that has one', () => new native.Evaluation(scan, [file], wake, false, false, false));
  await refused('Step of a scan that is carried out', () => new native.Step(scan, 1, 1, 1, false));
  // Threads may have its step at once, or not yet: taken once, there is none.
  while (evaluation.look() !== LOOK_STEP) await new Promise(setImmediate);
  new native.Step(evaluation);
  await refused('Step of an evaluation that has none', () => new native.Step(evaluation));
  await evaluation.cancel();
  for (const call of ['look', 'failure', 'missed', 'wanted', 'windowsMade', 'cancel'])
    await refused(`${call} of an evaluation that was cancelled`, () => evaluation[call]());
  await refused('Step of an evaluation that was cancelled', () => new native.Step(evaluation));
  await file.close();
  await refused('Evaluation of a file that was closed', () => new native.Evaluation(scanOf(0), [file], wake, false, false, false));
  fs.rmSync(name);
}

async function building() {
  const build = new native.Build(Uint8Array.of(1, 2));
  const fd = fs.openSync(`${path}.built`, 'w+');
  const { dev } = fs.fstatSync(fd);
  const run = Float64Array.of(fd, 0, 0);
  await eachWrong('Build', (...args) => new native.Build(...args), is('bytes', Uint8Array.of(1)));
  await refused('Build of a column of no kind', () => new native.Build(Uint8Array.of(3)));
  await eachWrong(
    'addValues',
    (...args) => build.addValues(...args),
    is('whole', 0),
    is('whole', 0),
    is('words', Uint32Array.of(1)),
    is('bytes', Uint8Array.of(65)),
    is('words', Uint32Array.of(1)),
  );
  await eachWrong(
    'addNumbers',
    (...args) => build.addNumbers(...args),
    is('whole', 1),
    is('whole', 0),
    is('integers', BigInt64Array.of(1n)),
    is('bytes', Uint8Array.of(0)),
  );
  await eachWrong('spill', (...args) => build.spill(...args), is('whole', 0), is('whole', fd), is('whole', dev), is('whole', 0));
  await eachWrong(
    'mergeRuns',
    (...args) => build.mergeRuns(...args),
    is('whole', 0),
    is('whole', fd),
    is('whole', dev),
    is('whole', 0),
    is('doubles', run),
  );
  await eachWrong(
    'writeColumn',
    (...args) => build.writeColumn(...args),
    is('whole', 0),
    is('whole', fd),
    is('whole', dev),
    is('whole', 0),
    is('doubles', run),
    is('whole', fd),
  );
  for (const name of ['nulls', 'extremes']) await eachWrong(name, (...args) => build[name](...args), is('whole', 1));
  for (const ends of [[2], [1, 0], [5]])
    await refused(`addValues of keys that end at ${ends}`, () =>
      build.addValues(0, 5, Uint32Array.of(1), Uint8Array.of(65), Uint32Array.from(ends)),
    );
  await refused('addValues without keys', () => build.addValues(0, 6, Uint32Array.of(7), new Uint8Array(0), new Uint32Array(0)));
  await refused('addValues of no rows', () => build.addValues(0, 7, new Uint32Array(0), new Uint8Array(0), new Uint32Array(0)));
  await refused('addNumbers of two lengths', () => build.addNumbers(1, 5, BigInt64Array.of(1n), new Uint8Array(2)));
  await refused('a column that there is not', () => build.nulls(2));
  await refused('a column of the other kind', () => build.extremes(0));
  for (const runs of [
    [fd, 0],
    [Number.NaN, 0, 0],
    [-1, 0, 0],
    [fd, -1, 0],
    [fd, 0, Number.NaN],
    [999_999, 0, 0],
  ]) {
    await refused(`mergeRuns of ${runs}`, () => build.mergeRuns(0, fd, dev, 0, Float64Array.from(runs)));
  }
  fs.closeSync(fd);
}

async function others() {
  await eachWrong('configure', (...args) => native.configure(...args), is('whole', 8), is('whole', 1e6));
  await refused('configure without threads', () => native.configure(0, 1e6));
  await refused('configure without bytes', () => native.configure(8, 0));
  await eachWrong('map', (...args) => native.map(...args), is('whole', PAGE));
  await refused('map nothing', () => native.map(0));
  await refused('map too much', () => native.map(native.windowLength + 1));
  await eachWrong('detach', (...args) => native.detach(...args), is('memory', native.map(PAGE).buffer));
  await eachWrong('join', (...args) => native.join(...args), is('doubles', Float64Array.of(0)), is('doubles', Float64Array.of(1)));
  await refused('join of two lengths', () => native.join(Float64Array.of(0), Float64Array.of(1, 2)));
  await eachWrong('findRoom', (...args) => native.findRoom(...args), is('whole', 1), is('whole', 1));
  await eachWrong(
    'onCompletions',
    (...args) => native.onCompletions(...args),
    is('callback', () => {}),
  );
}

async function main() {
  native.keepAlive(true);
  await files();
  await inspection();
  await bitmaps();
  await building();
  await others();
  native.keepAlive(false);
  // Everything still works.
  const file = await require(built).open(path);
  const into = Buffer.alloc(file.size);
  await file.read([into], [0]);
  await file.close();
  console.log(JSON.stringify({ through, calls, same: into.equals(fs.readFileSync(path)) }));
}

main();
