import type { FederatedAlgorithm } from '../../../packages/fedloom/dist/algorithms/algorithm.js';
import { fedAsync } from '../../../packages/fedloom/dist/algorithms/fed-async.js';
import { fedAvg } from '../../../packages/fedloom/dist/algorithms/fed-avg.js';
import { fedBuff } from '../../../packages/fedloom/dist/algorithms/fed-buff.js';
import { median, multiKrum, trimmedMean } from '../../../packages/fedloom/dist/algorithms/robust.js';
import { scaffold } from '../../../packages/fedloom/dist/algorithms/scaffold.js';
import type { Stage } from '../../../packages/fedloom/dist/update/stage-contract.js';
import { topK } from '../../../packages/fedloom/dist/update/stages/top-k.js';
import { Dice } from './dice.js';
import type { Keeping, ModelSize } from './training.js';

/** What a federation does, and what happens to it: all of it follows from the seed. */
export interface Scenario {
  readonly seed: number;
  readonly algorithm: string;
  readonly clients: number;
  readonly clientsPerRound: number;
  readonly rounds: number;
  readonly keeping: Keeping;
  readonly topKFraction: number | null;
  readonly model: ModelSize;
  /** Which clients live in which process. */
  readonly processes: readonly (readonly number[])[];
  /** Private state lies on the disk of the client's machine. */
  readonly statesOnDisk: boolean;
  readonly keptBytesMax: number;
  readonly evaluateEvery: number;
  readonly serverTests: boolean;
  /** In every third round the server's test says that the model has diverged: the round is void. */
  readonly diverges: boolean;
  /** Ends the run when so many evaluations in a row were not better; null: it goes on. */
  readonly patience: number | null;
  readonly keepsBest: boolean;
  readonly deadlineMs: number | null;
  readonly graceMs: number;
  readonly quorum: number;
  readonly minimumClients: number;
  readonly trainMs: readonly [low: number, high: number];
  readonly diskMs: readonly [low: number, high: number];
  readonly bufferedBytesMax: number;
  /** So many times as many are asked as a round needs, and the first count. */
  readonly overSelect: number;
  /** What an update may claim, by what was usual. */
  readonly sampleCountMax: string;
  /** Clients prove by a key who they are, and their indices belong to them. */
  readonly identified: boolean;
  /** The server has another run beside this one, with clients of its own. */
  readonly hasNeighbour: boolean;
  readonly faults: FaultPlan;
}

/** How often what goes wrong; all of it only until `quietFromMs`. */
export interface FaultPlan {
  readonly quietFromMs: number;
  /** Of connections. */
  readonly cut: number;
  readonly duplicate: number;
  readonly corrupt: number;
  readonly stall: number;
  readonly partitions: number;
  /** Chance of each write of the server. */
  readonly crashAtWrite: number;
  readonly serverCrashes: number;
  readonly clientCrashes: number;
  readonly clientCrashAtWrite: number;
  /** Clients whose processes are ended in order, and started again. */
  readonly clientsLeave: number;
  readonly diskFull: number;
  /** Chance that a server's process finds a byte of its journal changed. */
  readonly rot: number;
  readonly pauses: number;
  /** Processes that lie now and then. */
  readonly liars: number;
  readonly intruders: number;
  /** An operator pauses the run for a while. */
  readonly operatorPauses: number;
  /** An operator ends the run after the round under way. */
  readonly operatorStops: number;
}

export const CALM: FaultPlan = {
  quietFromMs: 0,
  cut: 0,
  duplicate: 0,
  corrupt: 0,
  stall: 0,
  partitions: 0,
  crashAtWrite: 0,
  serverCrashes: 0,
  clientCrashes: 0,
  clientCrashAtWrite: 0,
  clientsLeave: 0,
  diskFull: 0,
  rot: 0,
  pauses: 0,
  liars: 0,
  intruders: 0,
  operatorPauses: 0,
  operatorStops: 0,
};

const ALGORITHMS = [
  'fedAvg',
  'fedAvg',
  'scaffold',
  'fedBuff',
  'fedBuff',
  'fedAsync',
  'median',
  'trimmedMean',
  'multiKrum',
];

/** Beyond all seeds that are tried. */
const NEIGHBOURS_FROM = 1_000_000_000;

export function scenarioOf(seed: number): Scenario {
  const dice = new Dice(seed, 'scenario');
  const algorithm = dice.pick(ALGORITHMS);
  const robust = ['median', 'trimmedMean', 'multiKrum'].includes(algorithm);
  const clients = dice.whole(robust ? 4 : 2, 8);
  const clientsPerRound = algorithm === 'fedBuff' ? dice.whole(2, clients) : dice.whole(robust ? 4 : 1, clients);
  const isLarge = dice.chance(0.03);
  const evaluateEvery = dice.pick([0, 1, 1, 2]);
  const diverges = dice.chance(0.25);
  const trainHigh = dice.logarithmic(5, 8_000);
  const faults = faultsOf(dice.of('faults'));
  // Of their own, so that what is drawn here changes nothing else.
  const trust = dice.of('trust');
  // Who is there and silent is waited for without end, where there is no deadline.
  const isPatient = faults.liars === 0 && dice.chance(0.3);
  const deadlineMs = isPatient ? null : Math.round(dice.logarithmic(4_000, 60_000));
  return {
    seed,
    algorithm,
    clients,
    clientsPerRound,
    rounds: dice.whole(2, 6),
    keeping: algorithm === 'scaffold' ? 'control' : dice.chance(0.5) ? 'memory' : 'nothing',
    topKFraction: !robust && algorithm !== 'scaffold' && dice.chance(0.3) ? dice.pick([0.1, 0.3, 1]) : null,
    model: isLarge ? { weights: 20_000, biases: 3 } : { weights: dice.whole(1, 12), biases: dice.whole(1, 3) },
    processes: dealt(clients, dice),
    statesOnDisk: dice.chance(0.8),
    keptBytesMax: dice.chance(0.8) ? 1 << 20 : 0,
    evaluateEvery,
    serverTests: diverges || dice.chance(0.5),
    diverges,
    patience: evaluateEvery > 0 && dice.chance(0.2) ? dice.whole(1, 2) : null,
    keepsBest: dice.chance(0.2),
    deadlineMs,
    graceMs: Math.round(dice.logarithmic(500, 15_000)),
    quorum: dice.whole(robust ? 4 : 1, clientsPerRound),
    minimumClients: dice.whole(1, clients),
    trainMs: [1, trainHigh],
    diskMs: [0.05, dice.logarithmic(0.1, 500)],
    bufferedBytesMax: dice.pick([1 << 10, 1 << 16, 8 << 20]),
    overSelect: isBuffered({ algorithm }) || trust.chance(0.6) ? 1 : trust.between(1.1, 2.5),
    sampleCountMax: trust.chance(0.5) ? '50x' : 'none',
    identified: trust.chance(0.3),
    hasNeighbour: trust.chance(0.15),
    faults,
  };
}

/** The run beside another in one server: of another seed, and with faults of its own but those of the machine. */
export function neighbourOf({ seed, identified, faults }: Scenario): Scenario {
  const other = scenarioOf(seed + NEIGHBOURS_FROM);
  const { quietFromMs } = faults;
  return {
    ...other,
    identified,
    hasNeighbour: false,
    faults: { ...other.faults, quietFromMs, serverCrashes: 0, pauses: 0, intruders: 0 },
  };
}

/** Each kind now and then, and mostly several: what is rare together is drawn often. */
function faultsOf(dice: Dice): FaultPlan {
  const sometimes = (chance: number, value: number) => (dice.chance(chance) ? value : 0);
  const operator = dice.of('operator');
  return {
    quietFromMs: dice.logarithmic(2_000, 120_000),
    cut: sometimes(0.5, dice.between(0.1, 0.9)),
    duplicate: sometimes(0.2, 0.3),
    corrupt: sometimes(0.2, 0.3),
    stall: sometimes(0.3, 0.3),
    partitions: sometimes(0.25, dice.whole(1, 3)),
    crashAtWrite: sometimes(0.4, dice.logarithmic(0.01, 0.2)),
    serverCrashes: sometimes(0.25, dice.whole(1, 4)),
    clientCrashes: sometimes(0.3, dice.whole(1, 4)),
    clientCrashAtWrite: sometimes(0.3, dice.logarithmic(0.01, 0.2)),
    diskFull: sometimes(0.15, 1),
    rot: sometimes(0.2, 0.5),
    clientsLeave: sometimes(0.2, dice.whole(1, 3)),
    pauses: sometimes(0.25, dice.whole(1, 4)),
    liars: sometimes(0.35, dice.whole(1, 2)),
    intruders: sometimes(0.3, dice.whole(1, 4)),
    operatorPauses: operator.chance(0.2) ? operator.whole(1, 3) : 0,
    operatorStops: operator.chance(0.08) ? 1 : 0,
  };
}

function dealt(clients: number, dice: Dice): number[][] {
  const processes: number[][] = [];
  for (let client = 0; client < clients; client += 1) {
    const last = processes.at(-1);
    if (last !== undefined && dice.chance(0.4)) last.push(client);
    else processes.push([client]);
  }
  return processes;
}

export function algorithmOf({ algorithm, clientsPerRound }: Scenario): FederatedAlgorithm {
  switch (algorithm) {
    case 'fedAvg':
      return fedAvg();
    case 'scaffold':
      return scaffold();
    case 'fedBuff':
      return fedBuff({ bufferSize: Math.max(1, Math.ceil(clientsPerRound / 2)), stalenessMax: 4 });
    case 'fedAsync':
      return fedAsync();
    case 'median':
      return median();
    case 'trimmedMean':
      return trimmedMean({ trim: 1 });
    case 'multiKrum':
      return multiKrum({ f: 0, m: 2 });
    default:
      throw new RangeError(`no algorithm ${algorithm}`);
  }
}

/** Whether the candidate of this round is found to have diverged, if the server tests it. */
export const divergesIn = ({ diverges, seed }: Scenario, round: number): boolean =>
  diverges && (round + seed) % 3 === 0;

export const isBuffered = ({ algorithm }: Pick<Scenario, 'algorithm'>): boolean =>
  algorithm === 'fedBuff' || algorithm === 'fedAsync';

export function stagesOf({ topKFraction }: Scenario): readonly Stage[] {
  return topKFraction === null ? [] : [topK({ fraction: topKFraction })];
}
