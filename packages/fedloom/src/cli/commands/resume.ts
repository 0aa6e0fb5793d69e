import { FedloomError } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import { findRun, type StoredRun } from '../../store/read-runs.js';
import { hostAndPort } from '../arguments.js';
import { addBrokerOptions, type BrokerFlags, brokerFlags } from '../broker-flags.js';
import { whereGiven } from '../given.js';
import { reachFrom } from '../listen-flags.js';
import { launchedWithOthers, refuseOnRanks, workAsRank } from '../node/rank-pool.js';
import { deviceOption, type PoolFlags, poolOption } from '../pool-options.js';
import type { LogFormat } from '../report/log.js';
import { jsonOption, logFormatOption, outOption, settingsOf, verboseOption, workersOption } from '../run-settings.js';
import { run, waitOf } from './run.js';
import { type ServerFlags, serve } from './server.js';

interface ResumeFlags extends BrokerFlags, PoolFlags {
  readonly out: string;
  readonly workers?: number;
  readonly listen?: NonNullable<ServerFlags['listen']>;
  readonly mqttListen?: NonNullable<ServerFlags['mqttListen']>;
  readonly json?: true;
  readonly logFormat?: LogFormat;
  readonly verbose?: true;
}

export function addResumeCommand(program: Command, exit: (code: number) => void): void {
  const command = program
    .command('resume')
    .summary('go on with a run that did not finish')
    .description(
      'Goes on with a run that was interrupted, killed or failed, from the last round that its journal holds. It takes its ' +
        'task file, settings and seed from the run folder. The result is that of a run which was never interrupted; for a ' +
        'server, where its clients come back before others take their places.',
    )
    .argument('<run>', "the run's name, a part of it that no other has, its folder, or latest")
    .addOption(outOption())
    .addOption(workersOption())
    .addOption(poolOption('trains'))
    .addOption(deviceOption('trains'))
    .addOption(
      new Option('--listen <host:port>', 'address of a server, in place of the one that it had').argParser(
        (text: string) => hostAndPort(text),
      ),
    )
    .addOption(
      new Option(
        '--mqtt-listen <host:port>',
        "address of a server's own broker, in place of the one that it had",
      ).argParser((text: string) => hostAndPort(text, '--mqtt-listen')),
    )
    .addOption(jsonOption())
    .addOption(logFormatOption())
    .addOption(verboseOption());
  addBrokerOptions(command).action(async (id: string, flags: ResumeFlags) => {
    const launched = launchedWithOthers();
    if (launched !== undefined && launched.rank > 0) return exit(await workAsRank(launched, flags));
    exit(await resume(await findRun(flags.out, id), flags));
  });
}

async function resume(found: StoredRun, flags: ResumeFlags): Promise<number> {
  const { file } = found;
  const { command, processes, deadlineMs, graceMs, evaluationDeadlineMs, replayOf } = file.arguments;
  if (replayOf !== undefined) throw notResumed(file.run, replayOf);
  if (command === 'node') throw resumedByLauncher(file);
  const settings = settingsOf(file, flags);
  const waits = {
    ...whereGiven('deadline', waitOf(deadlineMs)),
    ...whereGiven('grace', waitOf(graceMs)),
    ...whereGiven('evaluationDeadline', waitOf(evaluationDeadlineMs)),
  };
  if (command === 'server') refuseOnRanks(launchedWithOthers(), 'A server', 'it is one process');
  const pool = { ...whereGiven('pool', flags.pool), ...whereGiven('device', flags.device) };
  const own = { ...pool, ...waits };
  if (command === 'server') return serve(file.taskFile, settings, { ...own, ...serverFlags(found, flags) }, found);
  // Another number of ranks may take it up, or one process.
  const sums = file.arguments.partialSums === true && launchedWithOthers() !== undefined ? { partialSums: true } : {};
  return run(file.taskFile, settings, processes === undefined ? { ...pool, ...sums } : { ...own, processes }, found);
}

function notResumed(run: string, of: string): FedloomError {
  const message = `The run ${run} is a replay of ${of}, and keeps no journal. Do it again: npx fedloom run --replay ${of}`;
  return new FedloomError('replay.not-resumed', message, { run, of });
}

/** Its clients are ranks of a launch, which this process cannot start. */
function resumedByLauncher({ run, taskFile, arguments: args }: StoredRun['file']): FedloomError {
  const { clients, clientsPerRound, rounds, ranks } = args;
  const command = `mpirun -np ${ranks} npx fedloom node ${taskFile} ${clients} ${clientsPerRound} ${rounds} --resume`;
  const message = `The clients of ${run} were ranks of an MPI job. Start all ranks again, with the arguments that they had: ${command}`;
  return new FedloomError('node.not-resumed', message, { run });
}

function serverFlags({ file }: StoredRun, flags: ResumeFlags): ServerFlags {
  const { quorum, minimumClients, waitForClientsMs } = file.arguments;
  return {
    ...reachFrom(file, {
      ...whereGiven('listen', flags.listen),
      ...whereGiven('mqttListen', flags.mqttListen),
      ...brokerFlags(flags),
    }),
    ...whereGiven('quorum', quorum),
    ...whereGiven('minimumClients', minimumClients),
    ...whereGiven('waitForClients', waitOf(waitForClientsMs)),
  };
}
