import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import { openPool } from '../../compute/node/pool-choice.js';
import { formatRanges } from '../../core/index-ranges.js';
import { LIFELINE_FD } from '../../core/node/lifeline.js';
import { type LostProcess, splitClients, startClientProcesses } from '../../launch/client-processes.js';
import { settlesWithin } from '../../launch/settles-within.js';
import { createServer } from '../../server/create-server.js';
import type { RunOptions } from '../../server/run/run-options.js';
import { simulate } from '../../simulation/simulate.js';
import type { StoredRun } from '../../store/read-runs.js';
import { secondsOrNone, type Wait, wholeNumber } from '../arguments.js';
import { conductRun, type StartedRun } from '../conduct-run.js';
import { changesAsArguments, loadTaskWith } from '../load-settings.js';
import {
  launchedWithOthers,
  openRankPool,
  refuseOnRanks,
  refuseTrainerOnRanks,
  workAsRank,
} from '../node/rank-pool.js';
import { packageFolder } from '../own-files.js';
import { deviceOption, type PoolFlags, poolArguments, poolOf, poolOption } from '../pool-options.js';
import type { Typed } from '../replay-settings.js';
import { counted } from '../report/format.js';
import { addRunSettings, type RunSettings, runSettings, withModelFile } from '../run-settings.js';
import type { LoadedTask } from '../task-loader.js';
import { openTerminal } from '../terminal.js';
import { replayRun } from './replay.js';

export interface RunFlags extends PoolFlags {
  readonly processes?: number;
  readonly deadline?: Wait;
  readonly grace?: Wait;
  readonly evaluationDeadline?: Wait;
  readonly partialSums?: boolean;
}

const PROCESSES_MAX = 1024;
/** How long a child's end may come before the run's, when all is well. */
const END_MS = 500;
const COMMAND = join(packageFolder, 'bin', 'fedloom.cjs');

export function addRunCommand(program: Command, exit: (code: number) => void): void {
  addRunSettings(program.command('run'), '[task]')
    .summary('train a task over simulated clients on this machine')
    .description(
      'Trains a task over simulated clients on this machine: in this process, or with --processes as separate client ' +
        "processes over WebSocket. For one seed the result is the same. FedML's names --client_num_in_total, " +
        '--client_num_per_round, --comm_round and --frequency_of_the_test are accepted.\n' +
        'With --replay it does an earlier run again, simulated or served, by the decisions in its journal, and fails where ' +
        'model or metrics come out otherwise. Task file and settings are those of the run.\n' +
        'Started by mpirun or srun as several processes, it trains the simulated clients on all of them.',
    )
    .addOption(
      new Option('--processes [=p]', 'run the clients in p processes of their own (default: one a core)').argParser(
        (text) => (text === 'auto' ? availableParallelism() : wholeNumber('--processes', 1, PROCESSES_MAX)(text)),
      ),
    )
    .addOption(poolOption('trains'))
    .addOption(deviceOption('trains'))
    .addOption(partialSumsOption())
    .addOption(new Option('--replay <run>', 'do this run again: its name, a part of it, its folder, or latest'))
    .addOption(deadlineOption('none').hideHelp())
    .addOption(graceOption('none').hideHelp())
    .addOption(evaluationDeadlineOption('half of --deadline').hideHelp())
    .action(async (path: string | undefined, clients, perRound, rounds, flags, command: Command) => {
      const launched = launchedWithOthers();
      if (launched !== undefined && launched.rank > 0) return exit(await workAsRank(launched, flags));
      const positional = [clients, perRound, rounds];
      if (flags.replay !== undefined) {
        refuseOnRanks(launched, '--replay', 'a replay runs in one process');
        const given = { id: flags.replay, taskFile: path, pool: poolOf(flags), typed: typedIn(command) };
        return exit(await replayRun({ positional, ...given }));
      }
      if (path === undefined) {
        return command.error("error: missing required argument 'task'", { code: 'commander.missingArgument' });
      }
      exit(await run(path, await withModelFile(runSettings(positional, flags)), flags));
    });
}

function partialSumsOption(): Option {
  return new Option(
    '--partial-sums',
    'started by mpirun or srun: each process adds up the updates of its clients and sends one exact sum a round, where the ' +
      'network of rank 0 is the limit; the result is the same',
  );
}

/** The options that somebody typed, and where the run folders are. */
function typedIn(command: Command): Typed {
  const given = Object.entries(command.opts());
  return Object.fromEntries(given.filter(([name]) => name === 'out' || command.getOptionValueSource(name) === 'cli'));
}

/** @param unsaid what a round waits when nobody says: `120` */
export function deadlineOption(unsaid: string): Option {
  return new Option(
    '--deadline <seconds>',
    'how long a round waits for its clients before it goes on with a quorum or replaces who is missing; or none ' +
      `(default: ${unsaid})`,
  ).argParser(secondsOrNone('--deadline'));
}

/** @param unsaid how long one may be away when nobody says: `10` */
export function graceOption(unsaid: string): Option {
  return new Option(
    '--grace <seconds>',
    'how long a client that is to train may be away before another takes its place; or none: until the deadline, and ' +
      `where there is none, until nobody else trains (default: ${unsaid})`,
  ).argParser(secondsOrNone('--grace', 'zero'));
}

/** @param unsaid how long one waits when nobody says */
export function evaluationDeadlineOption(unsaid: string): Option {
  return new Option(
    '--evaluation-deadline <seconds>',
    `how long an evaluation waits for the clients; or none (default: ${unsaid})`,
  ).argParser(secondsOrNone('--evaluation-deadline'));
}

/** The option's value as runs take it; undefined where it was not given. */
export function waitMs(wait: Wait | undefined): number | null | undefined {
  return wait === 'none' ? null : wait;
}

/** What a run was told to wait, as the option's value. */
export function waitOf(ms: number | null | undefined): Wait | undefined {
  return ms === null ? 'none' : ms;
}

/** @param resume a run that is to go on, in place of a new one */
export async function run(
  path: string,
  settings: RunSettings,
  { processes, deadline, grace, evaluationDeadline, partialSums = false, ...poolFlags }: RunFlags,
  resume?: StoredRun,
): Promise<number> {
  if (deadline !== undefined && processes === undefined) {
    throw new FedloomError(
      'usage.deadline',
      '--deadline has a meaning only with --processes: simulated clients do not vanish.',
    );
  }
  if (grace !== undefined && processes === undefined) {
    throw new FedloomError(
      'usage.grace',
      '--grace has a meaning only with --processes: simulated clients do not vanish.',
    );
  }
  if (evaluationDeadline !== undefined && processes === undefined) {
    throw new FedloomError(
      'usage.deadline',
      '--evaluation-deadline has a meaning only with --processes: simulated clients do not vanish.',
    );
  }
  const pool = poolOf(poolFlags);
  if (pool !== undefined && processes !== undefined) {
    const options = poolArguments(poolFlags).filter((word) => word.startsWith('--'));
    throw new FedloomError(
      'usage.pool',
      `${options.join(' and ')} has a meaning only without --processes, whose clients train on a thread of the processor each.`,
    );
  }
  const launched = launchedWithOthers();
  if (partialSums && launched === undefined) {
    throw new FedloomError(
      'usage.partial-sums',
      '--partial-sums has a meaning only for the processes of mpirun or srun: mpirun -np 4 npx fedloom run ... --partial-sums.',
    );
  }
  if (processes !== undefined) refuseOnRanks(launched, '--processes', 'the clients train on all of them already');
  process.title = 'fedloom run';
  const terminal = await openTerminal(settings.json, { format: settings.logFormat, owner: { role: 'run', rank: 0 } });
  const { workers = availableParallelism() } = settings;
  // Our own children do not vanish without a word: they have the time that they need, and who has ended does not come back.
  const evaluationDeadlineMs = waitMs(evaluationDeadline);
  const waits = {
    ...{ deadlineMs: waitMs(deadline) ?? null, graceMs: waitMs(grace) ?? null },
    ...(evaluationDeadlineMs !== undefined && { evaluationDeadlineMs }),
  };
  const runOptions = { ...waits, farewellMs: 0 };
  // They load their code while this process loads the task, which may turn out to need none.
  const ranks = launched && (await openRankPool(launched, { workers: settings.workers, ...poolFlags }));
  const ahead = ranks?.pool ?? (processes === undefined ? openPool(pool, workers) : undefined);
  try {
    const loaded = await loadTaskWith(path, settings);
    if (loaded.task.kind !== 'plan') {
      refuseTrainerOnRanks(launched, loaded.task.name);
      void ahead?.close();
    }
    return await conductRun({
      terminal,
      loaded,
      settings,
      command: 'run',
      ...(resume && { resume }),
      otherArguments: { ...(processes !== undefined && { processes, ...waits }), ...(partialSums && { partialSums }) },
      ...(processes !== undefined && { runOptions }),
      start: async (options, task, folder) => {
        if (processes !== undefined) {
          return startWithProcesses({ ...loaded, task }, settings, options, { processes, folder });
        }
        const started = simulate(task, { ...options, workers, partialSums, ...(ahead && { pool: () => ahead }) });
        return { run: started, result: started.result, ...(ranks && { notes: [ranks.note] }) };
      },
    });
  } finally {
    await ahead?.close();
    await ranks?.close();
  }
}

async function startWithProcesses(
  { task, file }: LoadedTask,
  settings: RunSettings,
  options: RunOptions,
  { processes, folder }: { readonly processes: number; readonly folder: string },
): Promise<StartedRun> {
  const { workers, clients } = settings;
  const server = await createServer(task, { ...options, ...(workers && { workers }) });
  let begun = false;
  let fatal: { readonly lost: LostProcess; readonly message: string } | undefined;
  server.run.once('roundStarted', () => {
    begun = true;
  });
  const fail = (lost: LostProcess, message: string) => {
    fatal ??= { lost, message };
    server.run.cancel();
  };
  let lastLost: LostProcess | undefined;
  let idle = false;
  const failIfIdle = () => {
    if (!idle || lastLost === undefined) return;
    fail(lastLost, `${describeLost(lastLost)} Those that are left are too few for a round.`);
  };
  const judge = async (lost: LostProcess) => {
    // Children that were told that the run is over may end before this process has heard of it.
    if ((await settlesWithin(server.result, END_MS)) || options.signal?.aborted) return;
    const message = describeLost(lost);
    if (!begun || lost.left === 0) return fail(lost, message);
    server.run.emit('warning', { code: 'launch.client-lost', message });
    lastLost = lost;
    failIfIdle();
  };
  // Without a deadline a round waits for clients that are away, and a child that ended does not come back.
  server.run.on('warning', ({ code }) => {
    if (code !== 'round.idle') return;
    idle = true;
    failIfIdle();
  });
  const parts = splitClients(clients, processes);
  const children = startClientProcesses({
    command: process.execPath,
    args: [
      ...[COMMAND, 'client', file, '--server', server.url, '--workers', '1', '--lifeline', `${LIFELINE_FD}`],
      // The server is this process: whatever model it has, it means it.
      ...['--max-body', '1024GiB'],
      ...['--state-dir', join(folder, 'journal', 'clients')],
      ...changesAsArguments(settings),
    ],
    parts,
    onLost: (lost) => void judge(lost),
  });
  const result = server.result
    .then((ended) => {
      if (fatal === undefined) return ended;
      throw new FedloomError('launch.clients-failed', fatal.message, { ...fatal.lost, result: ended });
    })
    .finally(() => children.stop({ interrupted: options.signal?.aborted ?? false }));
  return { run: server.run, result, notes: [`${counted(parts.length, 'client process')} at ${server.url}`] };
}

function describeLost({ clients, how, lines, left }: LostProcess): string {
  const said = lines.length === 0 ? '' : `\n${lines.map((line) => `  ${line}`).join('\n')}`;
  const others = left > 0 ? '' : ' No client process is left.';
  return `The process of clients ${formatRanges([clients])} ended with ${how}.${others}${said}`;
}
