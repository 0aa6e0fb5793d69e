import { type Command, Option } from 'commander';
import { createServer } from '../../server/create-server.js';
import type { RunOptions } from '../../server/run/run-options.js';
import type { StoredRun } from '../../store/read-runs.js';
import { hostAndPort, secondsOrNone, type Wait, wholeNumber } from '../arguments.js';
import { conductRun } from '../conduct-run.js';
import { loadTaskWith } from '../load-settings.js';
import {
  addRunSettings,
  type PoolKind,
  pingEveryOption,
  poolOption,
  type RunSettings,
  runSettings,
} from '../run-settings.js';
import { openTerminal } from '../terminal.js';
import { unfinishedRun } from '../unfinished-run.js';
import { deadlineOption, graceOption, waitMs } from './run.js';

export interface ServerFlags {
  readonly listen: ReturnType<typeof hostAndPort>;
  readonly insecure?: true;
  readonly deadline?: Wait;
  readonly grace?: Wait;
  readonly waitForClients?: Wait;
  readonly quorum?: number;
  readonly minimumClients?: number;
  readonly pingEvery?: number;
  readonly pool?: PoolKind;
  readonly resume?: true;
}

const ADDRESS = '127.0.0.1:8080';

export function addServerCommand(program: Command, exit: (code: number) => void): void {
  addRunSettings(program.command('server'), '<task>')
    .summary('serve a task to clients that connect over WebSocket')
    .description('Serves a task to clients that connect over WebSocket. The run starts when they have joined.')
    .addOption(
      new Option('--listen <host:port>', 'address to listen on; port 0: a free one')
        .argParser(hostAndPort)
        .default(hostAndPort(ADDRESS), ADDRESS),
    )
    .option(
      '--insecure',
      'listen beyond this machine, although nothing is encrypted and clients need no proof of who they are',
    )
    .addOption(deadlineOption('120'))
    .addOption(graceOption('10'))
    .addOption(
      new Option(
        '--wait-for-clients <seconds>',
        'how long to wait for the first clients before the run fails; or none: without end (none)',
      ).argParser(secondsOrNone('--wait-for-clients')),
    )
    .addOption(
      new Option('--quorum <n>', 'updates that suffice once the deadline has passed (half of the cohort)').argParser(
        wholeNumber('--quorum', 1),
      ),
    )
    .addOption(
      new Option('--minimum-clients <n>', 'clients that must have joined before the first round (all)').argParser(
        wholeNumber('--minimum-clients', 1),
      ),
    )
    .addOption(pingEveryOption())
    .addOption(poolOption('evaluates'))
    .option(
      '--resume',
      'go on with the latest run below --out of this task and these settings if it did not finish; else begin a new one',
    )
    .action(async (path, clients, perRound, rounds, flags) => {
      const settings = runSettings([clients, perRound, rounds], flags);
      exit(await serve(path, settings, flags, flags.resume && (await unfinishedRun(path, settings))));
    });
}

/** @param resume a run that is to go on, in place of a new one */
export async function serve(
  path: string,
  settings: RunSettings,
  flags: ServerFlags,
  resume?: StoredRun,
): Promise<number> {
  const terminal = await openTerminal(settings.json);
  const loaded = await loadTaskWith(path, settings);
  const listen = resume === undefined ? flags.listen : samePort(flags.listen, resume.file);
  const { insecure = false, quorum, minimumClients, pingEvery, pool } = flags;
  const given: Pick<RunOptions, 'deadlineMs' | 'graceMs' | 'waitForClientsMs' | 'quorum' | 'minimumClients'> = {
    ...whereGiven('deadlineMs', waitMs(flags.deadline)),
    ...whereGiven('graceMs', waitMs(flags.grace)),
    ...whereGiven('waitForClientsMs', waitMs(flags.waitForClients)),
    ...whereGiven('quorum', quorum),
    ...whereGiven('minimumClients', minimumClients),
  };
  const { workers } = settings;
  return conductRun({
    terminal,
    loaded,
    settings,
    command: 'server',
    ...(resume && { resume }),
    otherArguments: {
      listen: `${listen.host}:${listen.port}`,
      insecure,
      ...given,
      ...whereGiven('pingEveryMs', pingEvery),
    },
    runOptions: given,
    start: async (options, task) => {
      const { run, result, url } = await createServer(task, {
        ...options,
        listen,
        insecure,
        ...(pingEvery !== undefined && { pingEveryMs: pingEvery }),
        ...(workers && { workers }),
        ...(pool && { pool }),
      });
      const hint = `Join: fedloom client --server ${url} --index 0-9 --data DIR`;
      return { run, result, url, notes: [`Listening on ${url}`, terminal.screen.colors.dim(hint)] };
    },
  });
}

/** An option's value under its name, or nothing. */
export function whereGiven<N extends string, T>(name: N, value: T | undefined): { readonly [K in N]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [K in N]?: T });
}

/** Where its clients look for a run that goes on: also where the port was any that was free. */
function samePort(listen: ServerFlags['listen'], { url }: StoredRun['file']): ServerFlags['listen'] {
  return listen.port === 0 && url !== undefined ? { ...listen, port: Number(new URL(url).port) } : listen;
}
