#!/usr/bin/env node
import { writeSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { type CommandModule, EXIT } from './command';
import { commandArguments, printable } from './file-names';
import { endWithReader, Output } from './output';
import { paint } from './terminal';

/** Every command: its line in the help, and its module, which is loaded only when the command line names it. */
const COMMANDS: Readonly<Record<string, { summary: string; load: () => CommandModule }>> = {
  doctor: { summary: 'say what this machine and file system allow', load: () => require('./doctor') as CommandModule },
  evict: { summary: 'drop files from memory', load: () => require('./evict') as CommandModule },
  index: { summary: 'build an index of a table, to be queried', load: () => require('./index-command') as CommandModule },
  inspect: { summary: 'show how much of files is in memory, and where', load: () => require('./inspect') as CommandModule },
  lock: { summary: 'keep files in memory for as long as it runs', load: () => require('./lock') as CommandModule },
  query: { summary: 'answer which rows of an index an expression takes', load: () => require('./query') as CommandModule },
  restore: { summary: 'bring back what a snapshot says was in memory', load: () => require('./restore') as CommandModule },
  serve: { summary: 'show it live, as a web page', load: () => require('./serve') as CommandModule },
  snapshot: { summary: 'write down what is in memory', load: () => require('./snapshot') as CommandModule },
  warm: { summary: 'bring files into memory', load: () => require('./warm') as CommandModule },
  watch: { summary: 'show how much of files is in memory, live', load: () => require('./watch') as CommandModule },
};

async function main(): Promise<void> {
  const output = new Output(process.stdout, process.stderr, process.env);
  endWithReader(process.stdout, cannotWrite);
  endWithReader(process.stderr, cannotWrite);
  const args = commandArguments();
  try {
    await programFor(args, output).parseAsync(args, { from: 'user' });
  } catch (error) {
    // Help and version end in this way too, with code 0. Everything else that commander raises is a wrong command line, and it has said so.
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}

function programFor(args: readonly string[], output: Output): Command {
  const program = new Command('nofault')
    .description('Looks at files as the page cache sees them: what of them is in memory, and what would wait for a device.')
    .usage('<command> [options]')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print help for a command')
    .configureHelp({
      helpWidth: output.data.columns,
      styleTitle: (title) => paint(output.data, 'strong', title),
      subcommandTerm: (command) => command.name(),
    })
    .configureOutput({
      getOutHasColors: () => output.data.colour,
      getErrHasColors: () => output.narration.colour,
      outputError: (text, write) => write(printableLines(text).replace(/^error:/, `${paint(output.narration, 'error', 'nofault:')}`)),
    })
    .showHelpAfterError('Try: nofault --help')
    .exitOverride();
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = program.command(name).summary(summary).helpOption('-h, --help', 'print this help');
    command.showHelpAfterError(`Try: nofault ${name} --help`);
    if (args.includes(name)) load().declare(command, output);
  }
  return program;
}

/** A message that quotes what was typed. Only the line breaks that commander makes itself stay: before a suggestion, and at the end. */
function printableLines(text: string): string {
  return text
    .split(/\n(?=\(Did you mean |$)/)
    .map(printable)
    .join('\n');
}

function packageVersion(): string {
  return (require('../../package.json') as { version: string }).version;
}

function cannotWrite(error: NodeJS.ErrnoException): never {
  try {
    writeSync(2, `nofault: the output could not be written: ${error.message}\n`);
  } catch {
    // Then there is nobody left to tell; the exit code says it.
  }
  process.exit(EXIT.failed);
}

void main();
