import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import { joinFederation } from '../../client/node/join-federation.js';
import type { JoinEvent } from '../../client/serve-until-finished.js';
import type { IndexRange } from '../../core/index-ranges.js';
import { namesClient, pathOfClient } from '../../core/path-template.js';
import { OWNERS_FILE, ownersFile } from '../../server/auth/owners-file.js';
import { createServer } from '../../server/create-server.js';
import type { StoredRun } from '../../store/read-runs.js';
import { type AdminFlags, addAdminOptions, adminOptions } from '../admin/admin-flags.js';
import { withOperators } from '../admin/open-admin.js';
import { hostAndPort, serverUrl } from '../arguments.js';
import { clientAuth, serverAuth } from '../auth-flags.js';
import { conductRun } from '../conduct-run.js';
import { whereGiven } from '../given.js';
import { guardTask } from '../guard-task.js';
import { watchInterrupts } from '../interrupts.js';
import { addClientFileOptions } from '../launch/client-files.js';
import { loadTaskWith } from '../load-settings.js';
import { checkHosts, expectedHosts } from '../node/expected-hosts.js';
import { fairShare } from '../node/fair-share.js';
import { hostedClients } from '../node/hosted-clients.js';
import { type Lines, type LinesFlags, openLines, placeAmongRanks, transports } from '../node/lines.js';
import { openRankScreen } from '../node/rank-terminal.js';
import { poolOf } from '../pool-options.js';
import { clientTitle, rankOf } from '../process-title.js';
import { type ClientProcess, clientTeller } from '../report/client-events.js';
import { counted } from '../report/format.js';
import { errorLines } from '../report/reporter.js';
import { RunAudit, tellAuditHead } from '../run-audit.js';
import { addRunSettings, type RunSettings, runSettings, withModelFile } from '../run-settings.js';
import { addServingOptions, type ServingFlags, servingRunOptions } from '../serving-options.js';
import { addSiteOptions, type SiteFlags, siteOptions } from '../site-flags.js';
import { openTerminal, type Terminal } from '../terminal.js';
import { unfinishedRun } from '../unfinished-run.js';

interface NodeFlags extends LinesFlags, ServingFlags, AdminFlags, SiteFlags {
  readonly shareRanks?: true;
  readonly data?: string;
  readonly stateDir?: string;
  readonly expectedHosts?: string;
  readonly untilStdinEnds?: true;
}

const CLIENT_TEMPLATES = '{rank}, {index} (rank - 1) or {host}';

export function addNodeCommand(program: Command, exit: (code: number) => void): void {
  const command = addRunSettings(program.command('node'), '<task>')
    .summary('take part as one of the processes that mpirun started')
    .description(
      'One program for all ranks of an MPI job: rank 0 serves the task, every other rank is a client, rank 1 client 0. Rank and ' +
        'number of ranks come from the launcher (mpirun, srun); messages go through the installed MPI. Only rank 0 shows the ' +
        'run, and keeps its folder. When a rank dies, mpirun ends the others, unless it is told otherwise.',
    )
    .addOption(
      new Option(
        '--transport <kind>',
        'what messages travel by: mpi, or ws: WebSocket, where there is no MPI to compile for',
      )
        .choices(transports)
        .default('mpi'),
    )
    .option('--share-ranks', 'deal the clients over the ranks there are, several a rank, instead of one each')
    .option('--data <dir>', "folder of the clients' data; {rank}, {index} (rank - 1) and {host} stand for the client's")
    .option(
      '--state-dir <dir>',
      'keep what clients keep to themselves here, also with {rank} or {index}; as for client',
    )
    .addOption(
      new Option('--listen <host:port>', 'with --transport ws: the address of rank 0, for all ranks').argParser(
        (text: string) => hostAndPort(text),
      ),
    )
    .addOption(
      new Option('--server <url>', 'with --transport ws: how clients reach rank 0, if not by --listen').argParser(
        serverUrl,
      ),
    )
    .option('--tls-cert <file>', 'with --transport ws: certificate (PEM) that rank 0 encrypts with')
    .option('--tls-key <file>', 'its private key (PEM), needed on rank 0 alone')
    .option('--tls-ca <file>', 'certificate (PEM) of the authority that the other ranks trust')
    .option('--tls-client-ca <file>', 'rank 0 lets in only ranks with a certificate that this authority (PEM) signed')
    .option('--tls-crl <file>', 'and that does not stand in this list (PEM), which `fedloom certs revoke` writes')
    .option(
      '--token-file <file>',
      'with --transport ws: tokens that rank 0 lets in, of which the other ranks use the first',
    )
    .option('--known-clients <file>', 'keys that rank 0 lets in, as `fedloom clients approve` writes them')
    .option(
      '--insecure',
      'with --transport ws: listen beyond this machine, although clients need no proof of who they are',
    )
    .addOption(new Option('--expected-hosts <text>', 'refuse to run elsewhere').hideHelp())
    .addOption(new Option('--until-stdin-ends', 'end the run, as by Ctrl-C, when nobody holds the input').hideHelp());
  addSiteOptions(command, CLIENT_TEMPLATES);
  addAdminOptions(addServingOptions(addClientFileOptions(command, CLIENT_TEMPLATES))).action(
    async (path: string, clients, perRound, rounds, flags: NodeFlags & Parameters<typeof runSettings>[1]) => {
      exit(await node(path, runSettings([clients, perRound, rounds], flags), flags));
    },
  );
}

async function node(path: string, settings: RunSettings, flags: NodeFlags): Promise<number> {
  const launched = placeAmongRanks(flags);
  const hosted = hostedClients(settings.clients, launched, flags.shareRanks ?? false);
  if (launched.size - 1 < settings.clients) refuseTemplates(flags);
  const lines = await openLines(launched, hosted === undefined ? flags : filesOf(hosted, flags));
  if (hosted === undefined && flags.expectedHosts !== undefined) {
    checkHosts(expectedHosts(flags.expectedHosts), lines.hostNames);
  }
  if (hosted === undefined && flags.untilStdinEnds) endWithInput();
  const workers = settings.workers ?? fairShare(lines.onThisHost);
  const all = { path, settings: { ...settings, workers }, flags, lines };
  const code = hosted === undefined ? await serve(all, launched.size) : await takePart(all, launched.rank, hosted);
  await lines.close(code);
  return code;
}

/** Launchers hand their input on to rank 0. */
function endWithInput(): void {
  process.stdin.once('end', () => process.kill(process.pid, 'SIGINT'));
  process.stdin.on('error', () => {});
  process.stdin.resume();
}

interface Rank {
  readonly path: string;
  readonly settings: RunSettings & { readonly workers: number };
  readonly flags: NodeFlags;
  readonly lines: Lines;
}

/** @throws FedloomError `usage.template` */
function refuseTemplates(flags: NodeFlags): void {
  const { data, stateDir, clientCert, clientKey, keyFile, sitePolicy, outboundLog } = flags;
  const proofs = { 'client-cert': clientCert, 'client-key': clientKey, 'key-file': keyFile };
  const siteFiles = { 'site-policy': sitePolicy, 'outbound-log': outboundLog };
  for (const [option, path] of Object.entries({ data, 'state-dir': stateDir, ...proofs, ...siteFiles })) {
    if (path === undefined || !namesClient(path)) continue;
    const message =
      option in siteFiles
        ? `--${option} ${path} is a file for each client, but ranks host several: give one file for each host, with {host}, or for all.`
        : `--${option} ${path} is a folder for each client, but ranks share clients: give the folder that holds client-0, client-1 and so on.`;
    throw new FedloomError('usage.template', message, { option, path });
  }
}

async function serve({ path, settings: given, flags, lines }: Rank, size: number): Promise<number> {
  process.title = `fedloom server of ${counted(given.clients, 'client')}`;
  const terminal = await openTerminal(given.json, {
    format: given.logFormat,
    owner: { role: 'server', rank: 0 },
  });
  const settings = await withModelFile(given);
  const loaded = await loadTaskWith(path, settings);
  const resume: StoredRun | undefined = flags.resume && (await unfinishedRun(path, settings, 'node'));
  const serving = servingRunOptions(flags);
  const admin = await adminOptions(flags);
  const auth = serverAuth(flags, ({ message }) => terminal.screen.line(`Warning: ${message}`));
  return conductRun({
    terminal,
    loaded,
    settings,
    command: 'node',
    ...(resume && { resume }),
    otherArguments: { transport: flags.transport, ranks: size, ...serving },
    runOptions: serving,
    start: async (options, task, folder) => {
      const audit = await RunAudit.open(folder, options.run ?? '');
      const open = () =>
        createServer(task, {
          ...options,
          owners: ownersFile(join(folder, OWNERS_FILE)),
          onEntry: (entry) => audit.entry(entry),
          onUpdateHash: (update) => audit.updateHash(update),
          listeners: [lines.listen],
          workers: settings.workers,
          ...whereGiven('pool', poolOf(flags)),
          ...whereGiven('auth', auth),
        });
      const operated = await withOperators(admin && { ...admin, onAct: (act) => audit.acted(act) }, folder, open);
      const { run, url } = operated.server;
      audit.follow(run);
      const result = audit.endWith(operated.result, (head) => tellAuditHead(head, terminal.screen));
      return { run, result, url, notes: [`Rank 0 of ${size} serves on ${lines.host}.`] };
    },
  });
}

async function takePart(rank: Rank, number: number, hosted: IndexRange): Promise<number> {
  const { path, settings, flags, lines } = rank;
  process.title = clientTitle([hosted], settings.clients);
  const terminal = await rankTerminal(number, lines.host, settings, hosted);
  const { screen } = terminal;
  const interrupts = watchInterrupts(() => {});
  try {
    const loaded = await loadTaskWith(path, settings);
    const log = (line: string) => screen.line(line);
    const here = (file: string | undefined) => pathHere(file, lines, hosted);
    const site = await siteOptions({
      ...flags,
      ...whereGiven('sitePolicy', here(flags.sitePolicy)),
      ...whereGiven('outboundLog', here(flags.outboundLog)),
    });
    const finish = await joinFederation(lines.server, {
      clients: [hosted],
      sameVersion: true,
      // The server is a rank of the same job: whatever model it has, it means it.
      bodyBytesMax: Number.MAX_SAFE_INTEGER,
      task: guardTask(loaded.task, interrupts, { folder: dirname(loaded.file), log, verbose: settings.verbose }),
      workers: settings.workers,
      signal: interrupts.signal,
      dial: lines.dial,
      onEvent: quietTeller(terminal, settings.verbose, { server: lines.server, index: [hosted] }),
      ...site,
      ...whereGiven('dataDir', here(flags.data)),
      ...whereGiven('stateDir', here(flags.stateDir)),
      ...whereGiven('pool', poolOf(flags)),
      ...whereGiven('auth', clientAuth(filesOf(hosted, flags))),
    });
    interrupts.stop();
    // Why a run ended early is rank 0's to tell.
    return finish === undefined ? (interrupts.exitCode ?? 1) : finish.reason === 'completed' ? 0 : 1;
  } catch (error) {
    await rankZeroListens(lines);
    screen.line(errorLines(error, screen.columns, settings.verbose));
    // Else the server would wait for its clients.
    lines.abort(1);
    return 1;
  }
}

function pathHere(
  template: string | undefined,
  { host }: Pick<Lines, 'host'>,
  { from }: IndexRange,
): string | undefined {
  return template && pathOfClient(template, from).replaceAll('{host}', host);
}

/** With the files of the clients that this rank hosts. */
function filesOf(hosted: IndexRange, flags: NodeFlags): NodeFlags {
  const here = (file: string | undefined) => pathHere(file, { host: hostname() }, hosted);
  return {
    ...flags,
    ...whereGiven('clientCert', here(flags.clientCert)),
    ...whereGiven('clientKey', here(flags.clientKey)),
    ...whereGiven('keyFile', here(flags.keyFile)),
  };
}

/** Where there are many ranks, what goes as it should is not worth a line of each. */
function quietTeller(
  terminal: Pick<Terminal, 'screen' | 'log'>,
  verbose: boolean,
  of: Pick<ClientProcess, 'server' | 'index'>,
) {
  const tell = clientTeller(terminal, { ...of, verbose });
  return (event: JoinEvent) => {
    if (verbose || terminal.log !== undefined || event.type === 'retrying' || event.type === 'jobFailed') tell(event);
  };
}

/** A rank that is not the first has nothing to print on stdout. */
async function rankTerminal(
  rank: number,
  host: string,
  { logFormat }: RunSettings,
  hosted: IndexRange,
): Promise<Pick<Terminal, 'screen' | 'log'>> {
  if (logFormat === 'text') return { screen: await openRankScreen(rank, host) };
  return openTerminal(true, { format: logFormat, owner: { role: 'client', ...rankOf([hosted]) } });
}

/** What is wrong with all is told by rank 0, which then never listens, and ends the others. */
async function rankZeroListens({ server, dial }: Lines): Promise<void> {
  await dial(server).then(
    (connection) => connection.close(),
    () => {},
  );
}
