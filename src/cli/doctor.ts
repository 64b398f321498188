import type { Command } from 'commander';
import { EXIT } from './command';
import { type Finding, type Findings, type Group, type Verdict, worst } from './doctor/finding';
import { failureOf, messageOf } from './failures';
import { printable, printableJson } from './file-names';
import { drawFinding } from './findings-table';
import type { Output } from './output';
import { paint } from './terminal';

interface DoctorOptions {
  readonly json?: true;
}

/** What came of it; `file` and `error` exclude each other, and without a FILE there is neither. */
interface Examination {
  readonly machine: readonly Group[];
  readonly name: string | undefined;
  readonly file: readonly Group[] | undefined;
  readonly error: unknown;
}

/** How long storage may take before it is said that it is being waited for. */
const PATIENCE_MS = 3000;

const EXAMPLES = `
Examples:
  nofault doctor
  nofault doctor /var/lib/db/orders.idx
  nofault doctor --json data.bin | jq -r '(.machine, .file) | to_entries[] | select(.value.verdict != "good").key'

Exit codes: 0 all is good or limited, 1 something is bad or FILE could not be examined, 2 wrong usage`;

export function declare(command: Command, output: Output): void {
  command
    .description(
      'Says what this machine, this container and, for a FILE, its file system and device allow, what follows from each, and what would change it. Of the FILE one page is read; nothing is written anywhere.',
    )
    .argument('[file]', 'a file on the storage in question')
    .option('--json', 'print one JSON object instead; its keys and units are stable')
    .addHelpText('after', EXAMPLES)
    .action(async (name: string | undefined, options: DoctorOptions) => {
      process.exitCode = await doctor(name, options, output);
    });
}

async function doctor(name: string | undefined, options: DoctorOptions, output: Output): Promise<number> {
  const { examineMachine } = require('./doctor/machine') as typeof import('./doctor/machine');
  const { systemFiles } = require('../inspect/machine/system-files') as typeof import('../inspect/machine/system-files');
  const machine = await examineMachine(systemFiles);
  // Shown before the file is touched, for its storage may hang.
  if (!options.json) await show(machine, output);
  const examination: Examination = { machine, name, ...(await examined(name, output)) };
  if (options.json) {
    await output.write(`${printableJson(JSON.stringify(jsonOf(examination)))}\n`);
  } else {
    if (examination.file) {
      await output.write(`${paint(output.data, 'strong', printable(name as string))}\n\n`);
      await show(examination.file, output);
    }
    await output.write(`${summary(examination)}\n`);
  }
  const failed = examination.error !== undefined || verdictOf(examination) === 'bad';
  return failed ? EXIT.failed : EXIT.ok;
}

async function examined(name: string | undefined, output: Output): Promise<Pick<Examination, 'file' | 'error'>> {
  if (name === undefined) return { file: undefined, error: undefined };
  const waiting = setTimeout(() => output.say(`waiting for the storage of ${printable(name)}`), PATIENCE_MS);
  try {
    const { examineFile } = require('./doctor/file') as typeof import('./doctor/file');
    const { systemFiles } = require('../inspect/machine/system-files') as typeof import('../inspect/machine/system-files');
    return { file: await examineFile(name, systemFiles), error: undefined };
  } catch (error) {
    output.complain(messageOf(error, name));
    return { file: undefined, error };
  } finally {
    clearTimeout(waiting);
  }
}

async function show(groups: readonly Group[], output: Output): Promise<void> {
  for (const { title, findings } of groups) {
    const lines = Object.values(findings).map((finding) => drawFinding(finding, output.data));
    await output.write(`${paint(output.data, 'strong', title)}\n${lines.join('')}\n`);
  }
}

function summary(examination: Examination): string {
  const { name, error } = examination;
  const all = allOf(examination);
  const having = (verdict: Verdict): string => all.filter((finding) => finding.verdict === verdict).length.toString();
  const sums = `${having('good')} good, ${having('limited')} limited, ${having('bad')} bad`;
  if (name === undefined) return `${sums}\nWhat a file system and its device allow: nofault doctor FILE`;
  return error === undefined ? sums : `${sums}; the file could not be examined`;
}

function jsonOf(examination: Examination): object {
  const { name, file, error } = examination;
  const verdict = verdictOf(examination);
  const machine = together(examination.machine);
  if (name === undefined) return { verdict, machine };
  return { verdict, machine, path: name, ...(file === undefined ? { error: failureOf(error, name) } : { file: together(file) }) };
}

/** Groups are for the eye: their findings have keys that differ. */
function together(groups: readonly Group[]): Findings {
  return Object.assign({}, ...groups.map(({ findings }) => findings)) as Findings;
}

function allOf({ machine, file }: Examination): Finding[] {
  return [...machine, ...(file ?? [])].flatMap(({ findings }) => Object.values(findings));
}

function verdictOf(examination: Examination): Verdict {
  return worst(allOf(examination));
}
