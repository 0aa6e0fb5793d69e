import { type Command, Option } from 'commander';
import { createServer } from '../../server/create-server.js';
import type { StoredRun } from '../../store/read-runs.js';
import { hostAndPort } from '../arguments.js';
import { conductRun } from '../conduct-run.js';
import { loadTaskWith } from '../load-settings.js';
import { addRunSettings, type RunSettings, runSettings } from '../run-settings.js';
import { addServingOptions, type ServingFlags, servingRunOptions, whereGiven } from '../serving-options.js';
import { openTerminal } from '../terminal.js';
import { unfinishedRun } from '../unfinished-run.js';

export interface ServerFlags extends ServingFlags {
  readonly listen: ReturnType<typeof hostAndPort>;
  readonly insecure?: true;
}

const ADDRESS = '127.0.0.1:8080';

export function addServerCommand(program: Command, exit: (code: number) => void): void {
  const command = addRunSettings(program.command('server'), '<task>')
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
    );
  addServingOptions(command).action(async (path, clients, perRound, rounds, flags) => {
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
  const { insecure = false, pingEvery, pool } = flags;
  const given = servingRunOptions(flags);
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

/** Where its clients look for a run that goes on: also where the port was any that was free. */
function samePort(listen: ServerFlags['listen'], { url }: StoredRun['file']): ServerFlags['listen'] {
  return listen.port === 0 && url !== undefined ? { ...listen, port: Number(new URL(url).port) } : listen;
}
