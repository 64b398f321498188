import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BitmapIndex, ColumnInfo, Expression, Plan } from '../index';
import { columnsForJson, columnsTable } from './columns-table';
import { EXIT } from './command';
import { failureOf, messageOf } from './failures';
import { pathOf, printable, printableJson } from './file-names';
import { formatBytes } from './format-bytes';
import type { Output } from './output';
import { storedValue } from './stored-value';
import { paint } from './terminal';

interface QueryOptions {
  readonly count?: true;
  readonly rows?: number;
  readonly explain?: true;
  readonly sum?: string;
  readonly min?: string;
  readonly max?: string;
  readonly json?: true;
}

/** What one question is answered with: a JSON object's keys, and lines for people. Rows are written while they are found. */
interface Answer {
  readonly keys: Readonly<Record<string, unknown>>;
  readonly lines: string;
}

const EVERYTHING: Expression = { and: [] };
const QUESTIONS = ['count', 'rows', 'explain', 'sum', 'min', 'max'] as const;

const EXAMPLES = `
Examples:
  nofault query flights.idx
  nofault query flights.idx "origin = 'SEA' and delay > 60"
  nofault query flights.idx "date between '2001-01-01' and '2001-01-31' and delay is not null" --rows 10
  nofault query flights.idx "not (destination in ('SFO', 'LAX'))" --sum delay --json

An expression compares columns with values by = <> < <= > >=, in (...), between ... and ..., is null and is not null, joined by and, or, not and
parentheses. Strings and dates stand in single quotes, names of columns with blanks in double quotes.

Exit codes: 0 it was answered, 1 the index could not be read, 2 wrong usage, or the expression does not fit the index`;

export function declare(command: Command, output: Output): void {
  const question = (option: Option): Option => option.conflicts(QUESTIONS.filter((other) => other !== option.attributeName()));
  command
    .description(
      'Answers which rows of an indexed table an expression takes: how many, or one of the options below. Without an expression and options it shows the columns of the index.',
    )
    .argument('<index>', 'an index that nofault wrote')
    .argument('[expression]', 'which rows; all of them where there is none')
    .addOption(question(new Option('--count', 'how many rows; so it is without an option')))
    .addOption(question(new Option('--rows <number>', 'the first rows, one a line, numbered from 0').argParser(wholeNumber)))
    .addOption(question(new Option('--explain', 'what a count would read, and what of that is in memory')))
    .addOption(question(new Option('--sum <column>', 'the sum of a column over the rows')))
    .addOption(question(new Option('--min <column>', 'its least value among them')))
    .addOption(question(new Option('--max <column>', 'its greatest')))
    .option('--json', 'print one JSON object instead')
    .addHelpText('after', EXAMPLES)
    .action(async (name: string, where: string | undefined, options: QueryOptions) => {
      process.exitCode = await query(name, where, options, output);
    });
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

async function query(name: string, where: string | undefined, options: QueryOptions, output: Output): Promise<number> {
  const { openIndex } = require('../index') as typeof import('../index');
  const asked = { path: name, ...(where !== undefined && { where }) };
  try {
    const index = await openIndex(pathOf(name));
    try {
      if (options.rows !== undefined) await writeRows(index, where ?? EVERYTHING, asked, options.rows, options.json === true, output);
      else {
        const { keys, lines } = await answerOf(index, where, options);
        await output.write(options.json ? `${json({ ...asked, ...keys })}\n` : lines);
      }
    } finally {
      await index.close();
    }
    return EXIT.ok;
  } catch (error) {
    const wrong = (error as { code?: unknown }).code === 'BAD_EXPRESSION';
    if (wrong) complainOfExpression((error as Error).message, output);
    else output.complain(messageOf(error, name));
    if (options.json) await output.write(`${json({ ...asked, error: failureOf(error, name) })}\n`);
    return wrong ? EXIT.usage : EXIT.failed;
  }
}

async function answerOf(index: BitmapIndex, where: string | undefined, options: QueryOptions): Promise<Answer> {
  const expression = where ?? EVERYTHING;
  for (const kind of ['sum', 'min', 'max'] as const) {
    const name = options[kind];
    if (name === undefined) continue;
    const value = await index[kind](name, expression);
    const column = index.columns.find((one) => one.name === name) as ColumnInfo;
    // Days have no sum that is a day.
    const text =
      value === undefined ? null : storedValue(value, kind === 'sum' && column.type === 'date' ? { type: 'integer', scale: 0 } : column);
    return { keys: { column: name, [kind]: text }, lines: `${text ?? 'none'}\n` };
  }
  if (options.explain) {
    const plan = await index.explain(expression);
    return { keys: { plan }, lines: linesOfPlan(plan) };
  }
  if (where === undefined && !options.count) return describe(index);
  const count = await index.count(expression);
  return { keys: { count }, lines: `${count}\n` };
}

async function writeRows(
  index: BitmapIndex,
  where: string | Expression,
  asked: object,
  limit: number,
  asJson: boolean,
  output: Output,
): Promise<void> {
  let first = true;
  for await (const rows of index.rows(where, { limit })) {
    if (asJson) await output.write(`${first ? `${json(asked).slice(0, -1)},"rows":[` : ','}${rows.join(',')}`);
    else await output.write(`${rows.join('\n')}\n`);
    first = false;
  }
  if (asJson) await output.write(first ? `${json({ ...asked, rows: [] })}\n` : ']}\n');
}

function describe({ rowCount, columns }: BitmapIndex): Answer {
  return { keys: { rowCount, columns: columnsForJson(columns) }, lines: `${[`${rowCount} rows`, ...columnsTable(columns)].join('\n')}\n` };
}

function linesOfPlan(plan: Plan): string {
  const part = (pages: number, bytes: number): string => `${pages} pages, ${formatBytes(bytes)}`;
  const rows = [
    ['needed', part(plan.pages, plan.bytes)],
    ['in memory', part(plan.residentPages, plan.residentBytes)],
    ['missing', part(plan.missingPages, plan.missingBytes)],
    ['bitmaps', String(plan.bitmaps)],
    ['containers', `${plan.containersRead} read, ${plan.containersSkipped} skipped`],
    ['chunks', `${plan.chunks} of 65,536 rows`],
    ...plan.steps.map((step, i) => [
      i === 0 ? 'steps' : '',
      `${i + 1}: chunks ${step.firstChunk} to ${step.lastChunk}, ${step.ranges} ranges, ${formatBytes(step.bytes)}`,
    ]),
  ];
  return rows.map(([head, text]) => `${(head as string).padEnd(10)}  ${text}\n`).join('');
}

/** The message, and below it the line with a caret, which stays below its character though what would disturb the terminal is escaped. */
function complainOfExpression(message: string, output: Output): void {
  const [what, line, caret] = message.split(/\n {2}/) as [string, string?, string?];
  output.complain(what);
  if (line === undefined || caret === undefined) return;
  const before = Array.from(line).slice(0, caret.indexOf('^')).join('');
  output.say(`  ${printable(line)}`);
  output.say(`  ${' '.repeat(Array.from(printable(before)).length)}${paint(output.narration, 'error', '^')}`);
}

function json(value: unknown): string {
  return printableJson(JSON.stringify(value));
}
