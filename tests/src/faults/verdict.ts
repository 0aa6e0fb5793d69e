import type { HostedRun } from './hosted-run.js';
import { type Checked, checkBodies, checkVersions } from './reference.js';
import { replayProblem } from './replayed.js';
import { divergesIn, isBuffered } from './scenario.js';
import { Witness } from './witness.js';
import { taskOf } from './world.js';

/** The one under way when an operator stops the run, and one that was decided by then. */
const ROUNDS_AFTER_STOP = 2;

/** Says what is wrong with a run that is over, or that does not end, to the witness of its world. */
export async function judge(run: HostedRun): Promise<void> {
  const { scenario, witness, time } = run.world;
  const { result } = run;
  const checked = {
    durable: witness.durable,
    bodies: witness.bodies,
    trainings: witness.trainings,
    forgetful: witness.forgetful,
    problem: (text: string) => witness.problem(text),
  };
  checkVersions(scenario, checked);
  checkBodies(scenario, checked);
  checkRounds(run, checked);
  const last = witness.durable.versionHashes.at(-1);
  if (scenario.keeping !== 'control' && result !== undefined && result.modelHash !== last) {
    witness.problem(`the result is ${result.modelHash}, and the last version ${last}`);
  }
  if (result === undefined || witness.forgetful.size > 0) return;
  const again = { ...run.world, witness: new Witness(time, false) };
  const problem = await replayProblem(taskOf(again), run.disk.log, result, witness.faults.has('lie: results'));
  if (problem !== undefined) witness.problem(problem);
}

/** Everybody who was chosen counted, in every round, and nobody has lost what it keeps. */
export function isAsMeant({ world, stoppedAt }: HostedRun): boolean {
  const { scenario, witness } = world;
  const isPlain = witness.forgetful.size === 0 && scenario.overSelect === 1 && stoppedAt === undefined;
  return (
    isPlain &&
    witness.durable.rounds.every(
      ({ counted, voidUpdates, replaced }) =>
        counted.length + voidUpdates.length === scenario.clientsPerRound && replaced.length === 0,
    )
  );
}

/** How many there are, why some are void, and how many updates count in each. */
function checkRounds({ world, result, stoppedAt }: HostedRun, { durable, problem }: Checked): void {
  const { scenario } = world;
  const { rounds } = durable;
  const mayBeShort = scenario.patience !== null || stoppedAt !== undefined;
  const isWhole = mayBeShort ? rounds.length <= scenario.rounds : rounds.length === scenario.rounds;
  if (result !== undefined && !isWhole) problem(`${rounds.length} rounds were decided, of ${scenario.rounds}`);
  if (result !== undefined && stoppedAt !== undefined && rounds.length > stoppedAt + ROUNDS_AFTER_STOP)
    problem(`${rounds.length} rounds were decided, and ${stoppedAt} when the operator stopped the run`);
  for (const { round, outcome, reason, counted, voidUpdates } of rounds) {
    const count = counted.length + voidUpdates.length;
    if (!isBuffered(scenario) && count > scenario.clientsPerRound)
      problem(`${count} updates counted in round ${round}`);
    if (outcome === 'counted' || divergesIn(scenario, round)) continue;
    problem(`round ${round} is void, though nothing is wrong with what honest clients sent: ${reason?.message}`);
  }
}
