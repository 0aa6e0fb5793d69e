import { type Command, Option } from 'commander';
import { brokerUrl, wholeNumber } from '../arguments.js';
import { addBrokerOptions } from '../broker-flags.js';
import { addClientFileOptions } from '../launch/client-files.js';
import { addHostOptions } from '../launch/host-options.js';
import { addRunSettings, maxBodyOption, runSettings } from '../run-settings.js';
import { addServingOptions } from '../serving-options.js';
import { addSiteOptions } from '../site-flags.js';

const PORT = 8080;
const PORT_MAX = 65_535;
/** MPI encrypts nothing, and asks nobody: its ranks find each other. */
const SECURITY = [
  'tlsCert',
  'tlsKey',
  'tlsCa',
  'tlsClientCa',
  'tlsCrl',
  'tokenFile',
  'knownClients',
  'clientCert',
  'clientKey',
  'keyFile',
];

export function addLaunchCommand(program: Command, exit: (code: number) => void): void {
  const command = addRunSettings(program.command('launch'), '<task>')
    .summary('start a server and its clients on the hosts of a host file')
    .description(
      'Starts a server on the first host of a host file and clients on all hosts, by ssh. Processes are dealt as MPI deals them: ' +
        'rank 0 is the server, rank r is client r - 1, round-robin over all hosts in the order of the file, the first included. The ' +
        'clients of a host share one process. Model and metrics land in this folder.',
    );
  addSiteOptions(addClientFileOptions(addBrokerOptions(addHostOptions(addServingOptions(command)))), '{host}')
    .addOption(
      new Option('--port <port>', 'port that the server listens on; 0: a free one')
        .argParser(wholeNumber('--port', 0, PORT_MAX))
        .default(PORT),
    )
    .option('--address <host>', "where clients find the server (the first host's name, or what ssh makes of it)")
    .option(
      '--tls-cert <file>',
      'certificate (PEM) of the server, on its host (where others can reach it: one that is made for the run)',
    )
    .option('--tls-key <file>', 'its private key (PEM), there as well')
    .option('--tls-ca <file>', "certificate (PEM) of the authority to trust, on each client's host")
    .option(
      '--tls-client-ca <file>',
      "let in only clients with a certificate that this authority (PEM) signed; on the server's host",
    )
    .option('--tls-crl <file>', 'and that does not stand in this list (PEM); there as well')
    .option(
      '--token-file <file>',
      'tokens that the server lets in, on every host: clients use the first (where others can reach it: made for the run)',
    )
    .option(
      '--known-clients <file>',
      'keys that the server lets in, on its host, as `fedloom clients approve` writes them',
    )
    .option('--insecure', 'make neither certificates nor tokens, although others can reach the server')
    .option(
      '--data <dir>',
      "folder of the clients' data on each host; {rank}, {index} (rank - 1) and {host} stand for the client's (the task's own data)",
    )
    .addOption(maxBodyOption())
    .option('--mqtt', 'over MQTT, through a broker that the server hosts at --port')
    .addOption(
      new Option('--broker <url>', 'over MQTT, through this broker: mqtts://HOST:PORT/PREFIX')
        .argParser(brokerUrl)
        .conflicts('mqtt'),
    )
    .addOption(
      new Option(
        '--mpi',
        'over MPI: all are the ranks of one mpirun, which is composed for the MPI of this machine',
      ).conflicts(['mqtt', 'broker', 'address', 'insecure', ...SECURITY]),
    )
    .option('--process-per-client', 'a process for each client, in place of one a host')
    .option('--setup <command>', 'run this on every host first, such as `pip install -r requirements.txt`')
    .option('--dry-run', 'only show what would be started where')
    .action(async (path: string, clients, perRound, rounds, flags) => {
      const { launch } = await import('../launch/launch-run.js');
      exit(await launch(path, runSettings([clients, perRound, rounds], flags), flags));
    });
}
