import { type Command, Option } from 'commander';
import type { RunOptions } from '../server/run/run-options.js';
import { secondsOrNone, type Wait, wholeNumber } from './arguments.js';
import { deadlineOption, evaluationDeadlineOption, graceOption, waitMs } from './commands/run.js';
import { argument, whereGiven } from './given.js';
import { deviceOption, type PoolFlags, poolArguments, poolOption } from './pool-options.js';
import { pingEveryOption } from './run-settings.js';

/** What whoever serves a run may say beside its settings. */
export interface ServingFlags extends PoolFlags {
  readonly deadline?: Wait;
  readonly grace?: Wait;
  readonly evaluationDeadline?: Wait;
  readonly waitForClients?: Wait;
  readonly quorum?: number;
  readonly minimumClients?: number;
  readonly pingEvery?: number;
  readonly resume?: true;
}

export function addServingOptions(command: Command): Command {
  return command
    .addOption(deadlineOption('120'))
    .addOption(graceOption('10'))
    .addOption(evaluationDeadlineOption('half of --deadline'))
    .addOption(
      new Option(
        '--wait-for-clients <seconds>',
        'how long to wait for the first clients before the run fails; or none: without end (default: none)',
      ).argParser(secondsOrNone('--wait-for-clients')),
    )
    .addOption(
      new Option(
        '--quorum <n>',
        'updates that suffice once the deadline has passed (default: half of the cohort)',
      ).argParser(wholeNumber('--quorum', 1)),
    )
    .addOption(
      new Option(
        '--minimum-clients <n>',
        'clients that must have joined before the first round (default: all)',
      ).argParser(wholeNumber('--minimum-clients', 1)),
    )
    .addOption(pingEveryOption())
    .addOption(poolOption('evaluates'))
    .addOption(deviceOption('evaluates'))
    .option(
      '--resume',
      'go on with the latest run below --out of this task and these settings if it did not finish; else begin a new one',
    );
}

/** What of these a run takes. */
export function servingRunOptions(
  flags: ServingFlags,
): Pick<
  RunOptions,
  'deadlineMs' | 'graceMs' | 'evaluationDeadlineMs' | 'waitForClientsMs' | 'quorum' | 'minimumClients'
> {
  return {
    ...whereGiven('deadlineMs', waitMs(flags.deadline)),
    ...whereGiven('graceMs', waitMs(flags.grace)),
    ...whereGiven('evaluationDeadlineMs', waitMs(flags.evaluationDeadline)),
    ...whereGiven('waitForClientsMs', waitMs(flags.waitForClients)),
    ...whereGiven('quorum', flags.quorum),
    ...whereGiven('minimumClients', flags.minimumClients),
  };
}

/** As arguments of `server`. */
export function servingArguments(flags: ServingFlags): string[] {
  const { deadline, grace, evaluationDeadline, waitForClients, quorum, minimumClients, pingEvery, resume } = flags;
  return [
    ...argument('--deadline', waitText(deadline)),
    ...argument('--grace', waitText(grace)),
    ...argument('--evaluation-deadline', waitText(evaluationDeadline)),
    ...argument('--wait-for-clients', waitText(waitForClients)),
    ...argument('--quorum', quorum),
    ...argument('--minimum-clients', minimumClients),
    ...argument('--ping-every', pingEvery === undefined ? undefined : pingEvery / 1000),
    ...poolArguments(flags),
    ...(resume ? ['--resume'] : []),
  ];
}

function waitText(wait: Wait | undefined): string | number | undefined {
  return typeof wait === 'number' ? wait / 1000 : wait;
}
