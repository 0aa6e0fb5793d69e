import { batchOrder, type Tensor } from '@fedloom/engine';
import { RandomStream } from '../../core/random.js';
import type { ReferenceProblem } from './reference/problem.js';
import { softmaxGradient } from './softmax-regression.js';

export const FEATURES = 4;
export const CLASSES = 3;
/** The clients' sample counts; none a multiple of the batch size, one below it. */
export const SAMPLES = [7, 12, 5, 9, 3] as const;

export interface SmallFederation extends ReferenceProblem {
  readonly localEpochs: number;
  readonly batchSize: number | 'all';
  /** The batches as the engine takes them. */
  order(round: number, client: number): Tensor;
}

export interface SmallFederationOptions {
  readonly localEpochs?: number;
  readonly batchSize?: number | 'all';
  readonly cohort?: (round: number) => readonly number[];
  readonly learningRate?: (round: number) => number;
}

/** Softmax regression on five clients whose data differ from each other; three of them take part in a round. */
export function smallFederation(options: SmallFederationOptions = {}): SmallFederation {
  const { localEpochs = 2, batchSize = 4, learningRate = () => 0.125 } = options;
  const { cohort = (round: number) => [0, 1, 2].map((k) => (k * 2 + round) % SAMPLES.length) } = options;
  const order = (round: number, client: number) =>
    batchOrder(SAMPLES[client]!, { batchSize, localEpochs, shuffle: true }, RandomStream.of(1, 'order', round, client));
  const initial = RandomStream.of(2, 'model');
  const federation: SmallFederation = {
    localEpochs,
    batchSize,
    classes: CLASSES,
    clients: SAMPLES.map((count, client) => clientData(count, client)),
    initial: Array.from({ length: CLASSES * FEATURES + CLASSES }, () => Math.fround(initial.normal() / 2)),
    cohort,
    order,
    batches: (round, client) => batchesOf(order(round, client)),
    learningRate: (round) => Math.fround(learningRate(round)),
    gradient: (w, client, batch) => softmaxGradient(federation, w, client, batch),
  };
  return federation;
}

/** Features in float32, shifted by client; labels favour the client's own class. */
function clientData(count: number, client: number): ReferenceProblem['clients'][number] {
  const random = RandomStream.of(3, 'partition', client);
  const x = Array.from({ length: count }, () =>
    Array.from({ length: FEATURES }, (_, j) => Math.fround(random.normal() + (j === client % FEATURES ? 1.5 : 0))),
  );
  return { x, y: x.map(() => (random.next() < 0.5 ? client % CLASSES : random.integer(CLASSES))) };
}

function batchesOf({ shape, data }: Tensor): number[][] {
  const [steps, width] = shape as [number, number];
  const rows = data as BigInt64Array;
  return Array.from({ length: steps }, (_, step) =>
    // Padding is -1.
    [...rows.subarray(step * width, (step + 1) * width)].filter((row) => row >= 0n).map(Number),
  );
}
