import { FedloomError } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import { formatRanges, type IndexRange, parseRanges } from '../../core/index-ranges.js';
import { askServer } from '../admin/ask-server.js';
import { wholeNumber } from '../arguments.js';
import { counted } from '../report/format.js';
import { jsonOption, outOption, verboseOption } from '../run-settings.js';
import { openTerminal } from '../terminal.js';
import { addKeyCommands } from './client-keys.js';

/** Short-lived, unless somebody says otherwise. */
const EXPIRES = '7d';
const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Who may be a client of a server: what both sides keep in files. */
export function addClientsCommand(program: Command): void {
  const command = program
    .command('clients')
    .helpCommand(false)
    .summary('say who may be a client of a server')
    .description('Makes what clients prove by that a server invited them, and steers who is in a run.');
  addSteering(command);
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
    .addOption(
      new Option('--index <ranges>', 'which clients of a run it is for: 0-4,7 (default: any)').argParser(
        (text: string) => parseRanges(text),
      ),
    )
    .option('--out <file>', 'write the token to this file, mode 600, instead of printing it')
    .addOption(verboseOption())
    .action(async ({ tokenFile, name, uses, expires, out, index }) => {
      const { makeToken } = await import('../clients/make-token.js');
      const token = await makeToken({
        tokenFile,
        name,
        uses,
        out,
        ...(index && { clients: index }),
        ...(expires !== 'none' && { expiresMs: expires }),
      });
      process.stdout.write(out === undefined ? `${token}\n` : `The token is in ${out}.\n`);
    });
  addKeyCommands(command);
}

const STEERING = [
  [
    'kick',
    'close the connections that hold a client',
    'Closes the connections that hold these clients, or the one of a name; their processes end. Others may join in their place.',
  ],
  [
    'ban',
    'let a client, or a host, in no more',
    'Lets these clients, or whoever comes from a host, in no more until the server ends, and closes their connections.',
  ],
  ['unban', 'let a banned client or host in again', 'Lifts bans.'],
] as const;

interface SteeringFlags {
  readonly index?: readonly IndexRange[];
  readonly session?: string;
  readonly host?: string;
  readonly out: string;
  readonly json?: true;
}

/** Of a server that is running on this host: `npx fedloom status` shows who is connected. */
function addSteering(command: Command): void {
  for (const [act, summary, description] of STEERING) {
    const one = command
      .command(act)
      .summary(summary)
      .description(description)
      .argument('[run]', "the run's name, a part of it that no other has, its folder, or latest", 'latest')
      .addOption(new Option('--index <indices>', 'of the clients: 0-3,7').argParser(parseRanges));
    if (act === 'kick') one.option('--session <name>', 'the connection, as status names it');
    else one.option('--host <address>', 'where they come from, as status says, without the port');
    one
      .addOption(outOption())
      .addOption(jsonOption())
      .addOption(verboseOption())
      .action(async (id: string, flags: SteeringFlags) => {
        const { index, session, host, out, json: asJson } = flags;
        if (index === undefined && session === undefined && host === undefined) {
          throw new FedloomError(
            'usage.whom',
            `Say whom: --index 0-3${act === 'kick' ? ', or --session s4' : ', or --host 10.0.0.7'}.`,
          );
        }
        const whom = {
          ...(index && { clients: formatRanges(index) }),
          ...(session && { session }),
          ...(host && { host }),
        };
        const { screen, json } = await openTerminal(asJson ?? false);
        const answer = (await askServer(out, id, `POST /${act}`, whom)) as Steered;
        json?.write({ event: 'steered', act, ...answer });
        const { closed = [], lifted } = answer;
        screen.line(
          lifted === undefined
            ? `${counted(closed.length, 'connection')} closed${closed.length === 0 ? '' : `: ${closed.join(', ')}`}`
            : `${counted(lifted, 'ban')} lifted`,
        );
      });
  }
}

interface Steered {
  readonly closed?: readonly string[];
  readonly lifted?: number;
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
