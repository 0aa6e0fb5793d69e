// Training code of one's own: a Trainer and a ResultAggregator, as in FedML. No plan, no ONNX: any code may stand inside.
//   npx fedloom run examples/02-own-trainer/task.ts 10 5 50
import { defineTask, type NamedTensors, type ResultAggregator, type TrainContext, type Trainer } from 'fedloom';

const FEATURES = 3;
const TRUE_WEIGHTS = [1.5, -2, 0.5];
const SAMPLES = 40;
const LEARNING_RATE = 0.1;

/** Linear regression by stochastic gradient descent on the client's own samples. */
class RegressionTrainer implements Trainer<{ meanSquaredError: number }> {
  private weights = new Float32Array(FEATURES);
  private readonly x: number[][];
  private readonly y: number[];

  constructor(index: number) {
    // Each client holds samples of its own; a real one would read its files here.
    this.x = Array.from({ length: SAMPLES }, (_, i) => [Math.sin(i + index), Math.cos(2 * i - index), 1]);
    this.y = this.x.map((row) => row.reduce((sum, value, j) => sum + value * TRUE_WEIGHTS[j]!, 0));
  }

  getModelParams() {
    return { weights: this.weights };
  }

  setModelParams(params: NamedTensors) {
    this.weights = Float32Array.from(params.get('weights')!.data as Float32Array);
  }

  train({ random }: TrainContext) {
    for (let step = 0; step < SAMPLES; step += 1) {
      const i = random.integer(SAMPLES);
      const error = this.predict(i) - this.y[i]!;
      for (let j = 0; j < FEATURES; j += 1) this.weights[j]! -= LEARNING_RATE * error * this.x[i]![j]!;
    }
    return { sampleCount: SAMPLES };
  }

  test() {
    const errors = this.y.map((y, i) => (this.predict(i) - y) ** 2);
    return { results: { meanSquaredError: errors.reduce((a, b) => a + b) / SAMPLES }, sampleCount: SAMPLES };
  }

  private predict(i: number): number {
    return this.x[i]!.reduce((sum, value, j) => sum + value * this.weights[j]!, 0);
  }
}

/** The worst client counts. */
const worst: ResultAggregator<{ meanSquaredError: number }> = {
  aggregate: (_round, clients) => ({
    meanSquaredError: Math.max(...[...clients.values()].map(({ results }) => results.meanSquaredError)),
  }),
};

export default defineTask({
  name: 'own-trainer',
  trainer: ({ index }) => new RegressionTrainer(index),
  resultAggregator: worst,
});
