/** Counts the rounds that the 2NN takes to an accuracy on the 10,000 test images. */
import { accuracy, defineTask, dense, iid, mnist, relu, sequential, sgd, simulate, softmaxCrossEntropy } from 'fedloom';
import { done, input, tell } from './parent.js';

export interface Rounds97Input {
  readonly learningRate: number;
  readonly seed: number;
  /** A fraction of 1. */
  readonly accuracy: number;
  readonly roundsMax: number;
}

export interface Rounds97Output {
  /** Null: not reached within `roundsMax`. */
  readonly rounds: number | null;
  readonly seconds: number;
  /** The best so far. */
  readonly accuracy: number;
}

const goal = await input<Rounds97Input>();
const task = defineTask({
  name: 'bench-rounds97',
  data: mnist(),
  partition: iid(),
  model: sequential([dense(200), relu(), dense(200), relu(), dense(10)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 1, batchSize: 10, optimizer: sgd({ learningRate: goal.learningRate }) },
});
const abort = new AbortController();
const startedMs = performance.now();
const run = simulate(task, {
  clients: 100,
  clientsPerRound: 10,
  rounds: goal.roundsMax,
  seed: goal.seed,
  signal: abort.signal,
});
let best = 0;
let rounds: number | null = null;
run.on('round', ({ round, metrics }) => {
  best = Math.max(best, Number(metrics?.accuracy));
  if (rounds !== null || best < goal.accuracy) return;
  rounds = round + 1;
  abort.abort();
});
await run.result;
tell({ rounds, seconds: (performance.now() - startedMs) / 1000, accuracy: best } satisfies Rounds97Output);
done();
