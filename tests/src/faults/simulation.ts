import { wireLimits } from '../../../packages/fedloom/dist/protocol/limits.js';
import { ClientMachine } from './client-machine.js';
import { Dice } from './dice.js';
import { injectFaults } from './injector.js';
import { liarOf } from './liar.js';
import { Network } from './network.js';
import { neighbourOf, type Scenario } from './scenario.js';
import { ServerMachine } from './server-machine.js';
import { SimulatedTime } from './simulated-time.js';
import { isAsMeant, judge } from './verdict.js';
import { Witness } from './witness.js';
import { isQuiet, RUNS, type World } from './world.js';

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
      if (kind !== 'corrupt' && kind !== 'duplicate') return;
      for (const one of [world, ...beside]) one.witness.falsified.add(where);
    },
    onTaken: (name) => {
      // Intruders take whatever comes.
      if (!name.startsWith('intruder')) witness.problem(`${name} took a damaged frame for a whole one`);
    },
    onBug: (error) => witness.problem(`a handler threw: ${error instanceof Error ? error.stack : error}`),
  });
  const world: World = { scenario, time, dice, network, witness, run: RUNS.own };
  const beside = scenario.hasNeighbour ? [neighbour(world)] : [];
  const server = new ServerMachine([world, ...beside]);
  const hosted = server.runs.map((run) => ({ run, clients: clientsOf(run.world) }));
  server.start();
  for (const { run, clients } of hosted) {
    for (const client of clients) {
      time.in(run.world.dice.logarithmic(1, 3_000), () => client.start(() => run.result !== undefined));
    }
    injectFaults(run.world, { server, run, clients });
  }
  const all = hosted.flatMap(({ clients }) => clients);
  const isOver = () => server.isDone && all.every(({ isDone }) => isDone);
  const stop = await time.run(isOver, scenario.faults.quietFromMs + PATIENCE_MS);
  if (stop !== 'over') {
    const waiting = all.filter(({ isDone }) => !isDone).map(({ name }) => name);
    const doing = server.runs.map((run) => run.doing).join('; ');
    witness.problem(
      `the run does not end (${stop}): the server ${doing}; not done: ${waiting.join(', ') || 'only the server'}`,
    );
  }
  for (const run of server.runs) await judge(run);
  const queuedMax = scenario.bufferedBytesMax + FRAMES_BESIDE * wireLimits.frameBytesMax;
  if (network.queuedBytesMax > queuedMax) witness.problem(`${network.queuedBytesMax} bytes waited on a line`);
  for (const { witness: other } of beside) {
    for (const problem of other.problems) witness.problem(`the run beside: ${problem}`);
    witness.trace('the run beside', String(other.fingerprint));
  }
  const [own] = server.runs;
  return {
    problems: witness.problems,
    faults: witness.faults,
    fingerprint: witness.fingerprint,
    events: time.events,
    virtualMs: time.nowMs,
    modelHash: own?.result?.modelHash,
    isAsMeant: own !== undefined && isAsMeant(own),
    trace: witness.lines,
  };

  /** Another run on the same server, whose clients share its time and network. */
  function neighbour(world: World): World {
    const dice = world.dice.of('neighbour');
    witness.fault('another run beside', 'the server');
    return {
      ...world,
      scenario: neighbourOf(scenario),
      dice,
      witness: new Witness(time, keepsTrace),
      run: RUNS.beside,
    };
  }
}

function clientsOf(world: World): ClientMachine[] {
  const { scenario, dice, run } = world;
  return scenario.processes.map((indices, place) => {
    const lie = place < scenario.faults.liars ? liarOf(world, indices, dice.of(`liar ${place}`)) : undefined;
    const name = `${run === RUNS.own ? '' : `${run}-`}client-${indices.join('+')}`;
    return new ClientMachine(world, { name, clients: indices, place, ...(lie && { lie }) });
  });
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
