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
  smallGpt,
  softmaxCrossEntropy,
  type Tensor,
  twoNN,
} from '@fedloom/engine';
import { onnxRuntimeNode } from '@fedloom/engine/node';
import { done, input, tell } from './parent.js';

export type ModelName = '2nn' | 'cnn' | 'gpt' | 'resnet18';

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

interface Trained {
  readonly model: () => Model;
  /** Of a sample: bytes, or with `tokens` as many kinds of tokens, each with the next as its label. */
  readonly shape: readonly number[];
  readonly tokens?: number;
}

const MODELS: Readonly<Record<ModelName, Trained>> = {
  '2nn': { model: () => twoNN(), shape: [784] },
  cnn: { model: () => mcmahanCnn(), shape: [1, 28, 28] },
  gpt: { model: () => smallGpt({ vocabulary: 65, positions: 128 }), shape: [128], tokens: 65 },
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
const { model, shape, tokens } = MODELS[name];
const count = batch * steps;
const length = count * shape.reduce((a, b) => a * b, 1);
const hash = (i: number) => Math.imul(i, 2_654_435_761) >>> 24;
const x: Tensor =
  tokens === undefined
    ? { dtype: 'uint8', shape: [count, ...shape], data: Uint8Array.from({ length }, (_, i) => hash(i)) }
    : { dtype: 'int32', shape: [count, ...shape], data: Int32Array.from({ length }, (_, i) => hash(i) % tokens) };
const y: Tensor =
  tokens === undefined
    ? { dtype: 'int32', shape: [count], data: Int32Array.from({ length: count }, (_, i) => i % CLASSES) }
    : { dtype: 'int32', shape: x.shape, data: Int32Array.from({ length }, (_, i) => hash(i + 1) % tokens) };
const source: PlanSource = {
  name,
  model: model(),
  data:
    tokens === undefined
      ? { x: { dtype: 'uint8', shape, scale: 1 / 255 }, y: { dtype: 'int32', shape: [], classes: CLASSES } }
      : { x: { dtype: 'int32', shape }, y: { dtype: 'int32', shape, classes: tokens } },
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
