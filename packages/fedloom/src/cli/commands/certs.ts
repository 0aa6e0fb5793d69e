import { type Command, Option } from 'commander';
import { wholeNumber } from '../arguments.js';
import { hostName } from '../certs/host-name.js';
import { verboseOption } from '../run-settings.js';
import { openTerminal } from '../terminal.js';

const FOLDER = 'certs';
const AUTHORITY_DAYS = 3650;
const DAYS = 397;

interface CertsFlags {
  readonly folder: string;
  readonly days: number;
  readonly host?: readonly string[];
}

export function addCertsCommand(program: Command): void {
  const command = program
    .command('certs')
    .helpCommand(false)
    .summary('make certificates for a network of your own')
    .description(
      'Makes an authority and certificates that it signs, for federations within one organisation and for trying out. ' +
        'Keep ca.key where nobody else reads it: who has it can pass for any server and any client.',
    );
  command
    .command('init')
    .summary('make an authority: ca.pem and ca.key')
    .description(
      'Makes an authority: ca.pem, which all clients get, ca.key, its private key, which nobody gets, and crl.pem, its list of ' +
        'certificates that were revoked, which is empty.',
    )
    .addOption(folderOption())
    .addOption(daysOption(AUTHORITY_DAYS))
    .addOption(verboseOption())
    .action(async ({ folder, days }: CertsFlags) => {
      const { initAuthority } = await import('../certs/cert-files.js');
      const { certificate, key } = await initAuthority(folder, days);
      await tell(`An authority, valid for ${days} days: ${certificate} for everybody, ${key} for nobody.`);
    });
  command
    .command('issue')
    .summary('make a certificate: NAME.pem and NAME.key')
    .description(
      'Makes a certificate that the authority of --folder signs: with --host for a server, which then goes by these names and ' +
        'addresses; without for a client, which goes by NAME.',
    )
    .argument('<name>', 'of the certificate and its files')
    .addOption(
      new Option('--host <names>', 'names and IP addresses of a server, between commas; may be given again').argParser(
        hostName,
      ),
    )
    .addOption(folderOption())
    .addOption(daysOption(DAYS))
    .addOption(verboseOption())
    .action(async (name: string, { folder, days, host = [] }: CertsFlags) => {
      const { issueFiles } = await import('../certs/cert-files.js');
      const { certificate, key } = await issueFiles(folder, { name, hosts: host, days });
      const whose = host.length === 0 ? `the client ${name}` : `the server at ${host.join(', ')}`;
      await tell(`A certificate for ${whose}: ${certificate}, with its private key ${key}.`);
    });
  command
    .command('revoke')
    .summary('take the certificate of a client back: crl.pem')
    .description(
      'Adds a certificate to crl.pem, the list of those that the authority of --folder has revoked: servers that read it by --tls-crl ' +
        'let in nobody with it any more, and cut who is in by it, without being started anew.',
    )
    .argument('<name>', 'of the certificate, as it was issued')
    .addOption(folderOption())
    .addOption(verboseOption())
    .action(async (name: string, { folder }: CertsFlags) => {
      const { revokeFile } = await import('../certs/cert-files.js');
      await tell(`${name}.pem is revoked, as ${await revokeFile(folder, name)} says.`);
    });
}

function folderOption(): Option {
  return new Option('--folder <dir>', 'folder of the authority and of what it signs').default(FOLDER);
}

function daysOption(days: number): Option {
  return new Option('--days <n>', 'how long it is valid').argParser(wholeNumber('--days', 1, 36_500)).default(days);
}

async function tell(line: string): Promise<void> {
  (await openTerminal(false)).screen.line(line);
}
