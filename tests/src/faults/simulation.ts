import { wireLimits } from '../../../packages/fedloom/dist/protocol/limits.js';
import { ClientMachine } from './client-machine.js';
import { Dice } from './dice.js';
import { injectFaults } from './injector.js';
import { liarOf } from './liar.js';
import { Network } from './network.js';
import { checkBodies, checkVersions } from './reference.js';
import { replayProblem } from './replayed.js';
import { divergesIn, type Scenario } from './scenario.js';
import { ServerMachine } from './server-machine.js';
import { SimulatedTime } from './simulated-time.js';
import { Witness } from './witness.js';
import { isQuiet, taskOf, type World } from './world.js';

export interface Outcome {
  readonly problems: readonly string[];
  /** How often each fault came about, by its kind. */
  readonly faults: ReadonlyMap<string, number>;
  /** Of all that happened: equal for equal seeds. */
  readonly fingerprint: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly modelHash: string | undefined;
  /** Everybody who was chosen counted, in every round, and nobody has lost what it keeps. */
  readonly isAsMeant: boolean;
  readonly trace: readonly string[];
}

/** What may wait on a line beside what its ends should heed: the frame that fills it, and grants. */
const FRAMES_BESIDE = 2;
/** From when on nothing goes wrong, a run must end within this. */
const PATIENCE_MS = 3_600_000;

/** One federation, from its start to its end. */
export async function simulate(scenario: Scenario, keepsTrace = false): Promise<Outcome> {
  const time = new SimulatedTime();
  const dice = new Dice(scenario.seed, 'world');
  const witness = new Witness(time, keepsTrace);
  const lineDice = dice.of('lines');
  const network = new Network({
    time,
    dice: dice.of('network'),
    bufferedBytesMax: scenario.bufferedBytesMax,
    faultsOf: () => lineFaults(scenario, lineDice, isQuiet({ scenario, time })),
    onFault: (kind, where) => {
      witness.fault(kind, where);
      if (kind === 'corrupt' || kind === 'duplicate') witness.falsified.add(where);
    },
    onTaken: (name) => {
      // Intruders take whatever comes.
      if (!name.startsWith('intruder')) witness.problem(`${name} took a damaged frame for a whole one`);
    },
    onBug: (error) => witness.problem(`a handler threw: ${error instanceof Error ? error.stack : error}`),
  });
  const world: World = { scenario, time, dice, network, witness };
  const server = new ServerMachine(world);
  const clients = scenario.processes.map((indices, place) => {
    const lie = place < scenario.faults.liars ? liarOf(world, indices, dice.of(`liar ${place}`)) : undefined;
    return new ClientMachine(world, `client-${indices.join('+')}`, indices, lie);
  });
  server.start();
  for (const client of clients) {
    time.in(dice.logarithmic(1, 3_000), () => client.start(() => server.isDone));
  }
  injectFaults(world, server, clients);
  const isOver = () => server.isDone && clients.every(({ isDone }) => isDone);
  const stop = await time.run(isOver, scenario.faults.quietFromMs + PATIENCE_MS);
  if (stop !== 'over') {
    const waiting = clients.filter(({ isDone }) => !isDone).map(({ name }) => name);
    witness.problem(
      `the run does not end (${stop}): the server ${server.doing}; not done: ${waiting.join(', ') || 'only the server'}`,
    );
  }
  const checked = {
    durable: witness.durable,
    bodies: witness.bodies,
    trainings: witness.trainings,
    forgetful: witness.forgetful,
    problem: (text: string) => witness.problem(text),
  };
  checkVersions(scenario, checked);
  checkBodies(scenario, checked);
  const queuedMax = scenario.bufferedBytesMax + FRAMES_BESIDE * wireLimits.frameBytesMax;
  if (network.queuedBytesMax > queuedMax) witness.problem(`${network.queuedBytesMax} bytes waited on a line`);
  const { rounds } = witness.durable;
  const isWhole = scenario.patience === null ? rounds.length === scenario.rounds : rounds.length <= scenario.rounds;
  if (server.isDone && !isWhole) witness.problem(`${rounds.length} rounds were decided, of ${scenario.rounds}`);
  const last = witness.durable.versionHashes.at(-1);
  if (scenario.keeping !== 'control' && server.result !== undefined && server.result.modelHash !== last) {
    witness.problem(`the result is ${server.result.modelHash}, and the last version ${last}`);
  }
  for (const { round, outcome, reason } of rounds) {
    if (outcome === 'counted' || divergesIn(scenario, round)) continue;
    witness.problem(
      `round ${round} is void, though nothing is wrong with what honest clients sent: ${reason?.message}`,
    );
  }
  if (server.result !== undefined && witness.forgetful.size === 0) {
    const again = { ...world, witness: new Witness(time, false) };
    const problem = await replayProblem(
      taskOf(again),
      server.disk.log,
      server.result,
      witness.faults.has('lie: results'),
    );
    if (problem !== undefined) witness.problem(problem);
  }
  return {
    problems: witness.problems,
    faults: witness.faults,
    fingerprint: witness.fingerprint,
    events: time.events,
    virtualMs: time.nowMs,
    modelHash: server.result?.modelHash,
    isAsMeant:
      witness.forgetful.size === 0 &&
      rounds.every(
        ({ counted, voidUpdates, replaced }) =>
          counted.length + voidUpdates.length === scenario.clientsPerRound && replaced.length === 0,
      ),
    trace: witness.lines,
  };
}

function lineFaults({ faults }: Scenario, dice: Dice, isCalm: boolean) {
  const line = {
    latencyMs: dice.logarithmic(0.1, 200),
    jitterMs: dice.logarithmic(0.1, 100),
    bytesPerMs: dice.logarithmic(100, 100_000),
  };
  if (isCalm) return line;
  const at = () => Math.floor(dice.logarithmic(1, 100));
  return {
    ...line,
    ...(dice.chance(faults.cut) && { cutAt: at() }),
    ...(dice.chance(faults.duplicate) && { duplicateAt: at() }),
    ...(dice.chance(faults.corrupt) && { corruptAt: at() }),
    ...(dice.chance(faults.stall) && { stallAt: { frame: at(), forMs: dice.logarithmic(100, 60_000) } }),
  };
}
