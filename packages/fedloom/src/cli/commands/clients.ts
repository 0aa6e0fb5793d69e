import { FedloomError } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import { wholeNumber } from '../arguments.js';
import { verboseOption } from '../run-settings.js';

/** Short-lived, unless somebody says otherwise. */
const EXPIRES = '7d';
const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Who may be a client of a server: what both sides keep in files. */
export function addClientsCommand(program: Command): void {
  const command = program
    .command('clients')
    .summary('say who may be a client of a server')
    .description('Makes what clients prove by that a server invited them.');
  command
    .command('token')
    .summary('make a token that lets clients in')
    .description(
      "Adds a token to the server's file and prints it: the client gets it by --token-file, or in the variable FEDLOOM_TOKEN. Whoever " +
        'has it can join until it expires, so send it by a way that others cannot read. Remove its line to take it back.',
    )
    .requiredOption('--token-file <file>', "the server's file of tokens; it is made where there is none")
    .option('--name <name>', 'who comes with it, as the server tells of them')
    .addOption(
      new Option('--uses <n>', 'how many client processes may come with it').argParser(wholeNumber('--uses', 1, 1e8)),
    )
    .addOption(
      new Option('--expires <when>', 'a time such as 2026-12-31T18:00:00Z, or after so long: 30m, 12h, 7d; or none')
        .argParser(expiry)
        .default(expiry(EXPIRES), EXPIRES),
    )
    .option('--out <file>', 'write the token to this file, mode 600, instead of printing it')
    .addOption(verboseOption())
    .action(async ({ tokenFile, name, uses, expires, out }) => {
      const { makeToken } = await import('../clients/make-token.js');
      const token = await makeToken({
        tokenFile,
        name,
        uses,
        out,
        ...(expires !== 'none' && { expiresMs: expires }),
      });
      process.stdout.write(out === undefined ? `${token}\n` : `The token is in ${out}.\n`);
    });
}

/** Milliseconds of Unix time, or none. */
function expiry(text: string): number | 'none' {
  if (text === 'none') return text;
  const [, count, unit = ''] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  const when = count === undefined ? Date.parse(text) : Date.now() + Number(count) * (UNITS_MS[unit] ?? 0);
  if (when > Date.now()) return when;
  const message = `--expires must be a time to come, such as 2026-12-31T18:00:00Z, or 30m, 12h, 7d, or none, but is "${text}".`;
  throw new FedloomError('usage.value', message, { name: '--expires', text });
}
