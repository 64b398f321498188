import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BuildSource, ColumnSpec, IndexSummary, SourceFormat } from '../index';
import { buildProgressLine } from './build-progress';
import { columnOption } from './column-option';
import { columnsForJson, columnsTable } from './columns-table';
import { EXIT } from './command';
import { failureOf, messageOf } from './failures';
import { pathOf, printable, printableJson } from './file-names';
import { formatBytes } from './format-bytes';
import type { Output } from './output';
import { paint } from './terminal';

interface IndexOptions {
  readonly out: string;
  readonly column?: readonly ColumnSpec[];
  readonly format?: SourceFormat;
  readonly delimiter?: string;
  readonly skipBadRows?: true;
  readonly json?: true;
}

const STDIN = '-';

const EXAMPLES = `
Examples:
  nofault index flights.parquet --out flights.idx
  nofault index orders.csv --out orders.idx -c customer -c price:decimal:2
  nofault index events.jsonl.gz --out events.idx -c '*' -c payload:none
  zcat orders.csv.gz | nofault index - --format csv --out orders.idx

A column is NAME[:KIND][:TYPE[:DIGITS]]. Kinds are values (a bitmap a value),
numbers (a bitmap a binary digit, for ranges and sums) and none; types are
string, boolean, integer, decimal and date. What is not said is chosen by what
the first rows have.

Exit codes: 0 the index was built, 1 it was not, and what was there before is as
it was, 2 wrong usage, or columns that do not fit the table`;

export function declare(command: Command, output: Output): void {
  command
    .description(
      'Builds a bitmap index of a table, in one pass and bounded memory: CSV, TSV, JSON lines (also packed with gzip) or Parquet. It appears under its name complete or not at all.',
    )
    .argument('<file>', 'the table; - for the standard input')
    .requiredOption('-o, --out <index>', 'where the index goes; one that is there is replaced')
    .addOption(
      new Option('-c, --column <column>', 'index this column, and no other that is not named; * is all others').argParser(columnOption),
    )
    .addOption(
      new Option('-f, --format <format>', 'what the file is, where its name and its first bytes do not say it').choices([
        'csv',
        'tsv',
        'jsonl',
        'parquet',
      ]),
    )
    .addOption(new Option('--delimiter <character>', 'what stands between the fields of CSV').argParser(oneCharacter))
    .option('--skip-bad-rows', 'leave out rows that cannot be read or do not fit, and count them')
    .option('--json', 'print one JSON object instead')
    .addHelpText('after', EXAMPLES)
    .action(async (name: string, options: IndexOptions) => {
      process.exitCode = await index(name, options, output);
    });
}

function oneCharacter(text: string): string {
  const character = text === '\\t' ? '\t' : text;
  if (character.length !== 1 || '"\r\n'.includes(character))
    throw new InvalidArgumentError('It must be one character (\\t for a tab), and no quote.');
  return character;
}

async function index(name: string, options: IndexOptions, output: Output): Promise<number> {
  const { buildIndex } = require('../index') as typeof import('../index');
  const line = output.narration.interactive ? buildProgressLine(output.narration) : undefined;
  const interruption = new Interruption();
  try {
    const summary = await buildIndex(sourceOf(name, options), pathOf(options.out), {
      signal: interruption.signal,
      onBadRow: options.skipBadRows ? 'skip' : 'fail',
      ...(options.column !== undefined && { columns: options.column }),
      ...(line !== undefined && { onProgress: (progress) => line.show(progress) }),
    });
    line?.end();
    await tell(name, options, summary, output);
    return EXIT.ok;
  } catch (error) {
    line?.end();
    interruption.pass();
    const about = (error as { path?: unknown }).path === pathOf(options.out).toString() ? options.out : name;
    output.complain(messageOf(error, about));
    if (options.json) await output.write(`${json({ path: options.out, source: name, error: failureOf(error, about) })}\n`);
    return (error as { code?: unknown }).code === 'INVALID_ARGUMENT' ? EXIT.usage : EXIT.failed;
  } finally {
    interruption.end();
  }
}

function sourceOf(name: string, { format, delimiter }: IndexOptions): BuildSource {
  const more = { ...(format !== undefined && { format }), ...(delimiter !== undefined && { delimiter }) };
  return name === STDIN ? { stream: process.stdin, ...more } : { path: pathOf(name), ...more };
}

async function tell(name: string, options: IndexOptions, summary: IndexSummary, output: Output): Promise<void> {
  const { rows, skippedRows, skipped, bytes, bytesRead, columns, seconds } = summary;
  for (const reason of skipped) output.complain(`left out: ${reason}`);
  if (skippedRows > skipped.length) output.complain(`left out: ${skippedRows - skipped.length} more`);
  if (options.json) {
    const known = {
      path: options.out,
      source: name,
      rows,
      skippedRows,
      skipped,
      bytes,
      bytesRead,
      columns: columnsForJson(columns),
      seconds,
    };
    await output.write(`${json(known)}\n`);
    return;
  }
  const left = skippedRows === 0 ? '' : `, ${skippedRows} left out`;
  const head = `${paint(output.data, 'strong', printable(options.out))}: ${rows} rows${left}, ${formatBytes(bytes)}, in ${seconds.toFixed(1)} s`;
  await output.write(`${[head, ...columnsTable(columns)].join('\n')}\n`);
}

/** Ctrl-C, and being told to end: the build tidies up first. */
class Interruption {
  readonly #abort = new AbortController();
  #by: NodeJS.Signals | undefined;
  readonly #listen = (signal: NodeJS.Signals): void => {
    this.#by = signal;
    this.#abort.abort();
  };

  constructor() {
    process.once('SIGINT', this.#listen);
    process.once('SIGTERM', this.#listen);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Ends the process as the signal would have, if there was one. */
  pass(): void {
    this.end();
    if (this.#by !== undefined) process.kill(process.pid, this.#by);
  }

  end(): void {
    process.removeListener('SIGINT', this.#listen);
    process.removeListener('SIGTERM', this.#listen);
  }
}

function json(value: unknown): string {
  return printableJson(JSON.stringify(value));
}
