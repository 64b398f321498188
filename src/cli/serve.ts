import { once } from 'node:events';
import { type Command, InvalidArgumentError } from 'commander';
import { EXIT } from './command';
import { nameFromBytes, pathOf, printable, printableJson } from './file-names';
import type { Output } from './output';
import { paint } from './terminal';

interface ServeOptions {
  readonly port: number;
  readonly interval: number;
  readonly json?: true;
}

/** So that the address is the same each time. No service is registered for it. */
const PORT = 7380;
const SHORTEST_INTERVAL_MS = 100;
const LONGEST_INTERVAL_MS = 3_600_000;

const EXAMPLES = `
Examples:
  nofault serve /var/lib/db
  nofault serve --port 0 --interval 5000 *.idx
  ssh -L 7380:127.0.0.1:7380 server      then open http://127.0.0.1:7380/ here, while the page is served there

Exit codes: 0 ended with Ctrl-C, 1 the page cannot be served, 2 wrong usage`;

export function declare(command: Command, output: Output): void {
  command
    .description(
      'Serves a web page that shows what of files, and of all files below folders, is in memory, as it changes. The page is for browsers on this machine only, and changes nothing. While nobody looks at it, nothing is asked about the files.',
    )
    .argument('<path...>', 'files and folders to show')
    .option('--port <number>', 'the port to listen on; 0 for any that is free', wholeNumber('port', 0, 65_535), PORT)
    .option(
      '--interval <ms>',
      'milliseconds from one look to the next; longer where looks are costly',
      wholeNumber('interval', SHORTEST_INTERVAL_MS, LONGEST_INTERVAL_MS),
      1000,
    )
    .option('--json', 'print the address as a JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (names: string[], options: ServeOptions) => {
      process.exitCode = await serve(names, options, output);
    });
}

async function serve(names: readonly string[], options: ServeOptions, output: Output): Promise<number> {
  const { startServer } = require('../web/server') as typeof import('../web/server');
  const { follow } = require('../inspect/follow') as typeof import('../inspect/follow');
  const { residencyOf } = require('../inspect/residency-of') as typeof import('../inspect/residency-of');
  const told = (error: unknown): void => output.complain(error instanceof Error ? error.message : String(error));

  let server: Awaited<ReturnType<typeof startServer>>;
  try {
    server = await startServer(names.map(pathOf), {
      port: options.port,
      interval: options.interval,
      inspector: { follow, residencyOf },
      printable: (text) => printable(typeof text === 'string' ? text : nameFromBytes(text)),
      onFailure: told,
    });
  } catch (error) {
    told(error);
    return EXIT.failed;
  }
  const { url, port } = server;
  // Who has read the address may end it at once.
  const ending = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await output.write(options.json ? `${printableJson(JSON.stringify({ url, port }))}\n` : `${paint(output.data, 'strong', url)}\n`);
  if (output.narration.interactive) output.say('Open it in a browser. Ctrl-C ends.');

  await ending;
  await server.close();
  // A look that is on its way may be waiting for storage that hangs.
  process.exit(EXIT.ok);
}

function wholeNumber(what: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`The ${what} must be a whole number from ${least} to ${most}.`);
  };
}
