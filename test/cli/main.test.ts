import { join } from 'node:path';
import { version } from '../../package.json';
import { finish, nofault, PROGRAM } from './run-cli';

test('--version is the version of the package', async () => {
  for (const option of ['--version', '-V']) {
    expect(await nofault([option])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  }
});

test('--help lists the commands and goes to stdout', async () => {
  const { code, stdout, stderr } = await nofault(['--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^Usage: nofault /);
  expect(stdout).toMatch(/^ {2}inspect {2,}\S/m);
});

test('help for a command is the same whichever way it is asked for', async () => {
  const [option, command] = await Promise.all([nofault(['inspect', '--help']), nofault(['help', 'inspect'])]);
  expect(option).toMatchObject({ code: 0, stderr: '' });
  expect(option.stdout).toContain('--json');
  expect(option.stdout).toContain('Exit codes:');
  expect(command).toEqual(option);
});

test.each([
  ['no command', [], 'Usage: nofault'],
  ['an unknown command', ['inspekt'], "unknown command 'inspekt'\n(Did you mean inspect?)"],
  ['an unknown option', ['--wrong'], "unknown option '--wrong'"],
  ['no file', ['inspect'], "missing required argument 'path'"],
  ['an unknown option of a command', ['inspect', '--wrong', 'file'], "unknown option '--wrong'"],
])('%s is wrong usage: told on stderr, exit code 2', async (_, args, told) => {
  const { code, stdout, stderr } = await nofault(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(told);
});

test('what was typed is quoted harmlessly', async () => {
  const { code, stderr } = await nofault(['x\u001b[31m\n(y\u202e)']);
  expect(code).toBe(2);
  expect(stderr).toContain("unknown command 'x\\x1b[31m\\n(y\\u{202e})'");
});

/** The modules that the program has loaded when it ends. */
async function loadedFor(...args: string[]): Promise<string[]> {
  const script = `
    process.on('exit', () => process.stderr.write(JSON.stringify(Object.keys(require.cache))));
    require(process.argv[1]);`;
  const { stderr } = await finish(process.execPath, ['-e', script, PROGRAM, ...args]);
  return JSON.parse(stderr) as string[];
}

test('a command is loaded only when it is named, and the library and the addon not for its help', async () => {
  const command = join(PROGRAM, '..', 'inspect.js');
  const [general, own] = await Promise.all([loadedFor('--help'), loadedFor('inspect', '--help')]);
  expect(general).toContain(PROGRAM);
  expect(general).not.toContain(command);
  expect(own).toContain(command);
  expect(own.filter((file) => file === join(PROGRAM, '..', '..', 'index.js') || file.endsWith('.node'))).toEqual([]);
});
