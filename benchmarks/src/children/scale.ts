/** Logistic regression over many simulated clients, each of which holds 60 of the 60,000 samples. */
import {
  accuracy,
  definePartition,
  defineTask,
  dense,
  mnist,
  sequential,
  sgd,
  simulate,
  softmaxCrossEntropy,
} from 'fedloom';
import { roundsFor, type WatchedRound, watchRounds } from '../round-watch.js';
import { done, input, tell } from './parent.js';

export interface ScaleInput {
  readonly clients: number;
  readonly clientsPerRound: number;
  readonly rounds: number;
}

export interface ScaleOutput {
  readonly rounds: readonly WatchedRound[];
  readonly memoryBytes: number;
}

const SAMPLES_PER_CLIENT = 60;

/** Equal parts of a seeded order that begins anew when it is used up. Clients test nothing: rounds are timed. */
const wrapAround = definePartition({
  name: 'wrapAround',
  partition(examples, clients, random, split) {
    const perClient = split === 'train' ? SAMPLES_PER_CLIENT : 0;
    const offsets = Int32Array.from({ length: clients + 1 }, (_, client) => client * perClient);
    const order = Int32Array.from({ length: examples.x.shape[0] ?? 0 }, (_, row) => row);
    random.shuffle(order);
    const rows = Int32Array.from({ length: clients * perClient }, (_, i) => order[i % order.length] as number);
    return { offsets, rows };
  },
});

const { clients, clientsPerRound, rounds } = await input<ScaleInput>();
const task = defineTask({
  name: 'bench-scale',
  data: mnist(),
  partition: wrapAround,
  model: sequential([dense(10)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 1, batchSize: 10, optimizer: sgd({ learningRate: 0.03 }) },
});
const startBytes = process.memoryUsage().rss;
const run = simulate(task, { clients, clientsPerRound, rounds: roundsFor(rounds), evaluateEvery: 0 });
const watched = await watchRounds(run);
const memoryBytes = process.resourceUsage().maxRSS * 1024 - startBytes;
tell({ rounds: watched, memoryBytes } satisfies ScaleOutput);
done();
