/** A model of the zoo trained in this process by its plan, on one thread, on random samples. */
import {
  batchOrder,
  compilePlan,
  initializeParameters,
  type Model,
  mcmahanCnn,
  PlanRunner,
  type PlanSource,
  type RandomSource,
  resNet18,
  sgd,
  softmaxCrossEntropy,
  type Tensor,
  twoNN,
} from '@fedloom/engine';
import { onnxRuntimeNode } from '@fedloom/engine/node';
import { done, input, tell } from './parent.js';

export type ModelName = '2nn' | 'cnn' | 'resnet18';

export interface ModelInput {
  readonly model: ModelName;
  readonly batch: number;
  /** Steps of one training, which is repeated. */
  readonly steps: number;
  /** How long it is repeated, after a first time that is not measured. */
  readonly seconds: number;
}

export interface ModelOutput {
  readonly samplesPerSecond: number;
  /** The largest resident set of the process, in bytes. */
  readonly peakBytes: number;
  /** From the model to a plan that is ready to train. */
  readonly compileSeconds: number;
  readonly planBytes: number;
}

const MODELS: Readonly<Record<ModelName, { readonly model: () => Model; readonly shape: readonly number[] }>> = {
  '2nn': { model: () => twoNN(), shape: [784] },
  cnn: { model: () => mcmahanCnn(), shape: [1, 28, 28] },
  resnet18: { model: () => resNet18(), shape: [3, 32, 32] },
};
const CLASSES = 10;

/** Park and Miller's minimal standard: enough to begin from. */
let state = 1;
function next(): number {
  state = (state * 48_271) % 2_147_483_647;
  return state / 2_147_483_647;
}
const random: RandomSource = {
  next,
  fill(values) {
    for (let i = 0; i < values.length; i += 1) values[i] = next();
  },
};

const { model: name, batch, steps, seconds } = await input<ModelInput>();
const { model, shape } = MODELS[name];
const count = batch * steps;
const x: Tensor = {
  dtype: 'uint8',
  shape: [count, ...shape],
  data: new Uint8Array(count * shape.reduce((a, b) => a * b, 1)),
};
x.data.forEach((_, i) => {
  x.data[i] = (i * 2_654_435_761) >>> 24;
});
const y: Tensor = { dtype: 'int32', shape: [count], data: Int32Array.from({ length: count }, (_, i) => i % CLASSES) };
const source: PlanSource = {
  name,
  model: model(),
  data: { x: { dtype: 'uint8', shape, scale: 1 / 255 }, y: { dtype: 'int32', shape: [], classes: CLASSES } },
  loss: softmaxCrossEntropy(),
  metrics: [],
  training: { localEpochs: 1, batchSize: batch, optimizer: sgd({ learningRate: 0.01 }) },
};

const startedMs = performance.now();
const plan = compilePlan(source);
await (await onnxRuntimeNode().load(plan.train)).release();
const compileSeconds = (performance.now() - startedMs) / 1000;

const runner = await PlanRunner.create(onnxRuntimeNode(), plan);
const order = batchOrder(count, { batchSize: batch, localEpochs: 1, shuffle: false }, random);
const job = { parameters: initializeParameters(source.model, source.data, random), x, y, order };
await runner.train(job);
const fromMs = performance.now();
let trained = 0;
while (performance.now() - fromMs < 1000 * seconds) {
  await runner.train(job);
  trained += count;
}
const samplesPerSecond = (1000 * trained) / (performance.now() - fromMs);
const peakBytes = process.resourceUsage().maxRSS * 1024;
tell({ samplesPerSecond, peakBytes, compileSeconds, planBytes: plan.bytes.length } satisfies ModelOutput);
done();
