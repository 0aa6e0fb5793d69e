import { type Command, Option } from 'commander';
import { formatRanges, parseRanges } from '../../core/index-ranges.js';
import { verboseOption } from '../run-settings.js';

/** Keys by which a server knows its clients: made on one side, kept in a file on the other. */
export function addKeyCommands(command: Command): void {
  const knownOption = () =>
    new Option(
      '--known-clients <file>',
      "the server's file of keys; approve makes it where there is none",
    ).makeOptionMandatory();
  command
    .command('enrol')
    .summary('make a key for a client, on its own machine')
    .description(
      'Makes a key that stays on this machine, and prints the half that the server is to know: send it to whoever runs the server. It is no secret, ' +
        'but must come unchanged.',
    )
    .requiredOption('--key-file <file>', 'where the key is kept, mode 600')
    .addOption(verboseOption())
    .action(async ({ keyFile }) => {
      const { enrol } = await import('../clients/known-file.js');
      say(await enrol(keyFile));
    });
  command
    .command('approve')
    .summary('let a client in by its key')
    .argument('<name>', 'by which the server knows the client')
    .argument('<key>', 'as enrol printed it there: ed25519:…')
    .addOption(knownOption())
    .addOption(
      new Option('--index <ranges>', 'which clients of a run it may be: 0-4,7 (default: any)').argParser(
        (text: string) => parseRanges(text),
      ),
    )
    .addOption(verboseOption())
    .action(async (name: string, key: string, { knownClients, index }) => {
      const { approve } = await import('../clients/known-file.js');
      await approve(knownClients, name, key, index);
      say(`${name} is let in from now on.`);
    });
  command
    .command('list')
    .summary('show the clients that a server knows by their keys')
    .addOption(knownOption())
    .addOption(verboseOption())
    .action(async ({ knownClients: file }) => {
      const { knownClients } = await import('../clients/known-file.js');
      for (const { name, key, clients, revoked } of await knownClients(file)) {
        const what = clients === undefined ? '' : `  clients ${formatRanges(clients)}`;
        say(`${name}  ed25519:${key}${what}${revoked === undefined ? '' : `  revoked ${revoked}`}`);
      }
    });
  command
    .command('revoke')
    .summary("take a client's key out of use")
    .description("Takes a client's key out of use. Whoever is in stays until the connection ends.")
    .argument('<name>', 'of the client')
    .addOption(knownOption())
    .addOption(verboseOption())
    .action(async (name: string, { knownClients }) => {
      const { revoke } = await import('../clients/known-file.js');
      await revoke(knownClients, name);
      say(`${name} is not let in any more.`);
    });
  command
    .command('rotate')
    .summary('put another key in the place of the one that a client has')
    .argument('<name>', 'of the client, which keeps what is its')
    .argument('<key>', 'the new one, as enrol printed it there: ed25519:…')
    .addOption(knownOption())
    .addOption(verboseOption())
    .action(async (name: string, key: string, { knownClients }) => {
      const { revoke } = await import('../clients/known-file.js');
      await revoke(knownClients, name, key);
      say(`${name} is let in by its new key from now on, and by the old one no more.`);
    });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
