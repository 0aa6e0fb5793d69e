import { dirname } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import { joinFederation } from '../../client/node/join-federation.js';
import { type IndexRange, parseRanges } from '../../core/index-ranges.js';
import { endWithParent } from '../../core/node/lifeline.js';
import type { Task } from '../../task/task.js';
import { seconds, serverUrl, wholeNumber } from '../arguments.js';
import { addClientAuthOptions, type ClientAuthFlags, clientAuth } from '../auth-flags.js';
import { addBrokerOptions, type BrokerFlags } from '../broker-flags.js';
import { whereGiven } from '../given.js';
import { guardTask } from '../guard-task.js';
import { watchInterrupts } from '../interrupts.js';
import { loadTaskWith } from '../load-settings.js';
import { deviceOption, type PoolFlags, poolOf, poolOption } from '../pool-options.js';
import { clientTitle, rankOf } from '../process-title.js';
import { pythonTask } from '../python-task.js';
import { clientTeller } from '../report/client-events.js';
import type { LogFormat } from '../report/log.js';
import {
  algorithmOption,
  foldOption,
  logFormatOption,
  maxBodyOption,
  pingEveryOption,
  setOption,
  verboseOption,
  workersOption,
} from '../run-settings.js';
import { addSiteOptions, type SiteFlags, siteOptions } from '../site-flags.js';
import { openTerminal } from '../terminal.js';
import { addClientTlsOptions, type ClientTlsFlags, clientProxy, clientTls } from '../tls-flags.js';
import { dialsOf } from '../transports.js';

interface ClientFlags extends BrokerFlags, ClientTlsFlags, ClientAuthFlags, SiteFlags, PoolFlags {
  readonly server: string;
  readonly index: IndexRange[];
  readonly run?: string;
  readonly data?: string;
  readonly trainer?: string;
  readonly model?: string;
  readonly trainPath?: string;
  readonly testPath?: string;
  readonly stateDir?: string;
  readonly workers?: number;
  readonly set?: string[];
  readonly algorithm?: string;
  readonly fold?: string;
  readonly retryFor: number;
  readonly maxBody?: number;
  readonly pingEvery?: number;
  readonly logFormat?: LogFormat;
  readonly verbose?: true;
  readonly lifeline?: number;
  readonly sameVersion?: true;
}

const RETRY_SECONDS = 60;

export function addClientCommand(program: Command, exit: (code: number) => void): void {
  const command = program
    .command('client')
    .summary('take part in a federation as one or more clients')
    .description(
      'Takes part in the federation of a server as one or more clients. Without a task file it trains the plan that the ' +
        'server ships, on the part folders in --data. With one, the plan must be that of the server.',
    )
    .argument('[task]', 'task file; needed without --data, and for tasks with training code of their own')
    .requiredOption(
      '--server <url>',
      'address of the server: ws://HOST:PORT, wss://HOST:PORT, or mqtt://HOST:PORT/PREFIX',
      serverUrl,
    )
    .requiredOption('--index <ranges>', 'the clients that this process hosts: 7, 0-49 or 0-49,60', (text) =>
      parseRanges(text),
    )
    .option('--run <name>', 'the run to take part in, where the server has several')
    .option(
      '--data <dir>',
      "folder of the clients' data: one part folder, or one that holds client-<index> for each, or a template of each one's, " +
        'such as /data/client_{rank}, with {rank} from 1 or {index} from 0',
    )
    .option(
      '--state-dir <dir>',
      'keep what clients keep to themselves between rounds here, so that they can be started again within a run ' +
        '(default: .fedloom in --data, as long as the run goes on; without --data only in memory)',
    )
    .option(
      '--trainer <python:file:class>',
      'in place of a task file: training code in Python, such as python:f.py:MyTrainer; --set args.<name>=<value> for its args',
    )
    .option('--model <file:name>', 'what makes the model that --trainer is given, such as f.py:create_model')
    .option('--train-path <path>', "a client's training data for code in Python; {rank} counts from 1, {index} from 0")
    .option('--test-path <path>', 'the same for its tests')
    .addOption(workersOption())
    .addOption(setOption())
    .addOption(algorithmOption())
    .addOption(foldOption())
    .addOption(
      new Option('--retry-for <seconds>', 'how long to go on trying to reach the server')
        .argParser(seconds('--retry-for'))
        .default(RETRY_SECONDS * 1000, `${RETRY_SECONDS}`),
    )
    .addOption(maxBodyOption())
    .addOption(pingEveryOption())
    .addOption(poolOption('trains'))
    .addOption(deviceOption('trains'))
    .addOption(logFormatOption())
    .addOption(verboseOption())
    .addOption(new Option('--same-version', 'refuse a server of another version of fedloom').hideHelp())
    .addOption(
      new Option('--lifeline <fd>', 'end when this pipe closes').argParser(wholeNumber('--lifeline', 3)).hideHelp(),
    );
  addSiteOptions(addClientAuthOptions(addClientTlsOptions(addBrokerOptions(command)))).action(
    async (path: string | undefined, flags: ClientFlags) => exit(await join(path, flags)),
  );
}

async function join(path: string | undefined, flags: ClientFlags): Promise<number> {
  if (flags.lifeline !== undefined) endWithParent(flags.lifeline);
  const { index, verbose = false, logFormat = 'text' } = flags;
  process.title = clientTitle(index);
  const terminal = await openTerminal(false, { format: logFormat, owner: { role: 'client', ...rankOf(index) } });
  const { screen } = terminal;
  const tell = clientTeller(terminal, { server: flags.server, index, verbose });
  const gone = new AbortController();
  // The launcher holds this channel open as long as it lives.
  process.once('disconnect', () => gone.abort());
  const tls = await clientTls(flags);
  const proxy = clientProxy(flags);
  const auth = clientAuth(flags);
  const site = await siteOptions(flags);
  const loaded = await taskOf(path, flags);
  const interrupts = watchInterrupts(() => screen.line('Leaving the federation.'));
  const log = (line: string) => screen.line(line);
  const finish = await joinFederation(flags.server, {
    clients: flags.index,
    retryForMs: flags.retryFor,
    signal: AbortSignal.any([interrupts.signal, gone.signal]),
    onEvent: (event) => {
      if (event.type === 'joined') process.title = clientTitle(index, event.clients);
      tell(event);
    },
    ...(flags.run !== undefined && { run: flags.run }),
    ...(flags.sameVersion && { sameVersion: true }),
    ...(flags.data !== undefined && { dataDir: flags.data }),
    ...(flags.stateDir !== undefined && { stateDir: flags.stateDir }),
    ...(loaded && {
      task: guardTask(loaded.task, interrupts, { folder: loaded.folder, log, verbose }),
      anyTask: path === undefined,
    }),
    ...(flags.maxBody !== undefined && { bodyBytesMax: flags.maxBody }),
    ...(flags.pingEvery !== undefined && { pingEveryMs: flags.pingEvery }),
    ...(tls && { tls }),
    ...(proxy && { proxy }),
    auth,
    ...site,
    dial: dialsOf(flags),
    ...(flags.workers && { workers: flags.workers }),
    ...whereGiven('pool', poolOf(flags)),
  });
  interrupts.stop();
  if (finish === undefined) return interrupts.exitCode ?? 1;
  if (finish.reason === 'completed') return 0;
  const why = finish.message ?? `The run ended: ${finish.reason}.`;
  throw new FedloomError('client.run-ended', `The server ended the run early: ${why}`, { reason: finish.reason });
}

/** The task that this client has, of a file or of the command line alone. */
async function taskOf(
  path: string | undefined,
  flags: ClientFlags,
): Promise<{ readonly task: Task; readonly folder: string } | undefined> {
  const { set = [], trainer, model, trainPath, testPath } = flags;
  if (path === undefined) return trainer === undefined ? undefined : { task: pythonTask(flags), folder: process.cwd() };
  if (trainer !== undefined || model !== undefined) {
    throw new FedloomError('usage.trainer', '--trainer and --model stand in place of a task file: give these or that.');
  }
  const paths = [
    ...(trainPath === undefined ? [] : [`trainer.trainPath=${trainPath}`]),
    ...(testPath === undefined ? [] : [`trainer.testPath=${testPath}`]),
  ];
  const { task, file } = await loadTaskWith(path, { ...flags, set: [...set, ...paths] });
  return { task, folder: dirname(file) };
}
