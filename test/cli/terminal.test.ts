import { paint, terminalOf } from '../../src/cli/terminal';

const TERMINAL = { isTTY: true, columns: 132 };
const PIPE = {};

test('a terminal says its width; elsewhere COLUMNS does, or it is 80', () => {
  expect(terminalOf(TERMINAL, { COLUMNS: '40' }).columns).toBe(132);
  expect(terminalOf(PIPE, { COLUMNS: '40' }).columns).toBe(40);
  for (const COLUMNS of ['', '0', '-3', 'wide', '1e999', '12.5']) expect(terminalOf(PIPE, { COLUMNS }).columns).toBe(80);
  expect(terminalOf({ isTTY: true, columns: 0 }, {}).columns).toBe(80);
});

test.each([
  ['a terminal', TERMINAL, {}, true],
  ['a pipe', PIPE, {}, false],
  ['a dumb terminal', TERMINAL, { TERM: 'dumb' }, false],
  ['a terminal with NO_COLOR', TERMINAL, { NO_COLOR: '1' }, false],
  ['a terminal with an empty NO_COLOR, which counts as unset', TERMINAL, { NO_COLOR: '' }, true],
  ['a pipe with FORCE_COLOR', PIPE, { FORCE_COLOR: '1' }, true],
  ['a terminal with FORCE_COLOR=0', TERMINAL, { FORCE_COLOR: '0' }, false],
  ['a pipe with both', PIPE, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
])('colour on %s', (_, stream, env, colour) => {
  const terminal = terminalOf(stream, env);
  expect(terminal.colour).toBe(colour);
  expect(paint(terminal, 'error', 'text').includes('\u001b')).toBe(colour);
});

test.each([
  [{ LANG: 'C.UTF-8' }, true],
  [{ LANG: 'de_DE.utf8' }, true],
  [{ LANG: 'de_DE.UTF-8', LC_ALL: 'C' }, false],
  [{ LANG: 'C', LC_CTYPE: 'en_US.UTF-8' }, true],
  [{ LC_ALL: '', LANG: 'en_US.UTF-8' }, true],
  [{ LANG: 'en_US.UTF-8', TERM: 'linux' }, false],
  [{}, false],
])('characters beyond ASCII with %j', (env, unicode) => {
  expect(terminalOf(PIPE, env).unicode).toBe(unicode);
});
