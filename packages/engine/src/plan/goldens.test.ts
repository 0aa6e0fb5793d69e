import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { gelu, hardSwish, leakyRelu, silu, softplus } from '../layers/activations.js';
import { adagrad } from '../layers/adagrad.js';
import { adam, adamW } from '../layers/adam.js';
import { adaptiveAveragePool2d } from '../layers/adaptive-average-pool2d.js';
import { averagePool2d, globalAveragePool2d } from '../layers/average-pool2d.js';
import { batchNorm } from '../layers/batch-norm.js';
import { binaryCrossEntropyWithLogits } from '../layers/binary.js';
import { chain, clipByGlobalNorm } from '../layers/chain.js';
import { convTranspose2d } from '../layers/conv-transpose2d.js';
import { conv2d } from '../layers/conv2d.js';
import { dense } from '../layers/dense.js';
import { embedding, embeddingBag } from '../layers/embedding.js';
import { meanAbsoluteError, meanSquaredError } from '../layers/losses.js';
import { globalMaxPool2d, maxPool2d } from '../layers/max-pool2d.js';
import { relu } from '../layers/relu.js';
import { rmsProp } from '../layers/rms-prop.js';
import { groupNorm, instanceNorm, layerNorm } from '../layers/sample-norms.js';
import { sequential } from '../layers/sequential.js';
import { sgd } from '../layers/sgd.js';
import { flatten } from '../layers/shape-layers.js';
import { sigmoid } from '../layers/sigmoid.js';
import { softmaxCrossEntropy } from '../layers/softmax-cross-entropy.js';
import { tanh } from '../layers/tanh.js';
import type { Layer, Optimizer } from '../layers/types.js';
import { upsample2d } from '../layers/upsample2d.js';
import { onnxRuntimeNode } from '../node/onnx-runtime-node.js';
import { interpret } from '../reference/interpret.js';
import type { NamedTensors, Tensor } from '../tensor.js';
import { relativeError } from '../testing/compare.js';
import { floats } from '../testing/evaluate.js';
import { buildPlanGraphs, compilePlan } from './compile.js';
import { rowSums } from './row-sums.js';
import type { PlanSource } from './source.js';

/** What tools/goldens/generate.py writes: training runs of PyTorch. */
interface GoldenCase {
  readonly name: string;
  readonly layers: readonly GoldenLayer[];
  readonly inputShape: readonly number[];
  /** Absent: y are numbers. */
  readonly classes?: number;
  /** Default softmaxCrossEntropy. */
  readonly loss?: keyof typeof losses;
  /** x are token numbers. */
  readonly tokens?: boolean;
  readonly batchSize: number;
  readonly learningRate?: number;
  readonly momentum?: number;
  readonly weightDecay?: number;
  /** In place of SGD with the settings above. */
  readonly optimizer?: { readonly type: keyof typeof optimizers; readonly learningRate: number };
  /** Of all gradients together. */
  readonly clip?: number;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly initial: Readonly<Record<string, readonly number[]>>;
  readonly x: readonly (readonly number[])[];
  readonly y: readonly number[];
  readonly order: readonly (readonly number[])[];
  readonly float32: GoldenRun;
  readonly float64: GoldenRun;
}

interface GoldenRun {
  readonly losses: readonly number[];
  readonly final: Readonly<Record<string, readonly number[]>>;
}

type GoldenLayer =
  | { readonly type: 'dense'; readonly outputs: number }
  | {
      readonly type: 'conv2d';
      readonly outputs: number;
      readonly kernel: number;
      readonly stride: number;
      readonly padding: number;
      readonly dilation?: number;
      readonly groups?: number;
    }
  | {
      readonly type: 'convTranspose2d';
      readonly outputs: number;
      readonly kernel: number;
      readonly stride: number;
      readonly padding: number;
      readonly outputPadding: number;
      readonly dilation: number;
      readonly groups: number;
    }
  | { readonly type: 'adaptiveAveragePool2d'; readonly size: readonly [number, number] }
  | { readonly type: 'upsample2d'; readonly scale: number; readonly mode: 'nearest' | 'bilinear' }
  | { readonly type: 'maxPool2d' | 'averagePool2d'; readonly kernel: number; readonly stride: number }
  | {
      readonly type: 'embeddingBag';
      readonly vocabulary: number;
      readonly outputs: number;
      readonly padding: number;
    }
  | { readonly type: 'embedding'; readonly vocabulary: number; readonly outputs: number }
  | { readonly type: 'groupNorm'; readonly groups: number }
  | { readonly type: 'leakyRelu'; readonly slope: number }
  | { readonly type: keyof typeof plainLayers };

const plainLayers = {
  ...{ relu, tanh, sigmoid, gelu, silu, softplus, hardSwish },
  ...{ flatten, globalAveragePool2d, globalMaxPool2d, batchNorm, instanceNorm, layerNorm },
};

const optimizers = { sgd, adam, adamW, rmsProp, adagrad };

const losses = { softmaxCrossEntropy, binaryCrossEntropyWithLogits, meanSquaredError, meanAbsoluteError };

const cases = ['mlp-sgd', 'cnn-sgd', 'losses-sgd', 'models', 'convolutions'].flatMap((name): readonly GoldenCase[] => {
  const file = new URL(`../../../../tools/goldens/data/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')).cases;
});

function layerOf(golden: GoldenLayer): Layer {
  switch (golden.type) {
    case 'dense':
      return dense(golden.outputs);
    case 'conv2d': {
      const { type: _, outputs, dilation = 1, groups = 1, kernel, stride, padding } = golden;
      return conv2d(outputs, { kernel, stride, padding, dilation, groups });
    }
    case 'convTranspose2d': {
      const { type: _, outputs, kernel, stride, padding, outputPadding, dilation, groups } = golden;
      return convTranspose2d(outputs, { kernel, stride, padding, outputPadding, dilation, groups });
    }
    case 'adaptiveAveragePool2d':
      return adaptiveAveragePool2d(golden.size);
    case 'upsample2d':
      return upsample2d(golden.scale, { mode: golden.mode });
    case 'maxPool2d':
      return maxPool2d({ kernel: golden.kernel, stride: golden.stride });
    case 'averagePool2d':
      return averagePool2d({ kernel: golden.kernel, stride: golden.stride });
    case 'embeddingBag':
      return embeddingBag(golden.vocabulary, golden.outputs, { padding: golden.padding });
    case 'embedding':
      return embedding(golden.vocabulary, golden.outputs);
    case 'groupNorm':
      return groupNorm(golden.groups);
    case 'leakyRelu':
      return leakyRelu({ slope: golden.slope });
    default:
      return plainLayers[golden.type]();
  }
}

function sourceOf(golden: GoldenCase): PlanSource {
  const { classes, loss = 'softmaxCrossEntropy', tokens = false } = golden;
  return {
    name: golden.name,
    model: sequential(golden.layers.map(layerOf)),
    data: {
      x: { dtype: tokens ? 'int32' : 'float32', shape: golden.inputShape },
      y: classes === undefined ? { dtype: 'float32', shape: [] } : { dtype: 'int32', shape: [], classes },
    },
    loss: losses[loss](),
    metrics: [],
    training: { localEpochs: 1, batchSize: golden.batchSize, optimizer: optimizerOf(golden) },
  };
}

function optimizerOf({ optimizer, clip, learningRate = 0, momentum = 0, weightDecay = 0 }: GoldenCase): Optimizer {
  if (optimizer === undefined) return sgd({ learningRate, momentum, weightDecay });
  const { type, ...settings } = optimizer;
  const own = optimizers[type](settings);
  return clip === undefined ? own : chain(clipByGlobalNorm(clip), own);
}

const rateOf = ({ optimizer, learningRate = 0 }: GoldenCase): number => optimizer?.learningRate ?? learningRate;

/** The train graph's inputs; a smaller last batch is padded. */
function feedsOf(
  golden: GoldenCase,
  inputs: readonly {
    readonly port: string;
    readonly source: string;
    readonly name: string;
    readonly shape: readonly (number | string)[];
  }[],
): Map<string, Tensor> {
  const { order, batchSize, x, y } = golden;
  const rows = order.flatMap((row) => Array.from({ length: batchSize }, (_, place) => BigInt(row[place] ?? -1)));
  const tensors: Record<string, (name: string, shape: readonly number[]) => Tensor> = {
    parameter: (name, shape) => floats(shape, golden.initial[name]!),
    optimizer: (_, shape) => floats(shape, new Array(shape.reduce((a, b) => a * b, 1)).fill(0)),
    scalar: () => ({ dtype: 'float32', shape: [], data: Float32Array.of(rateOf(golden)) }),
    stepCount: () => floats([], [0]),
    x: () =>
      golden.tokens === true
        ? { dtype: 'int32', shape: [x.length, ...golden.inputShape], data: Int32Array.from(x.flat()) }
        : floats([x.length, ...golden.inputShape], x.flat()),
    y: () =>
      golden.classes === undefined
        ? floats([y.length], y)
        : { dtype: 'int32', shape: [y.length], data: Int32Array.from(y) },
    order: () => ({ dtype: 'int64', shape: [order.length, batchSize], data: BigInt64Array.from(rows) }),
  };
  return new Map(inputs.map(({ port, source, name, shape }) => [port, tensors[source]!(name, shape.map(Number))]));
}

function expectRun(results: NamedTensors, golden: GoldenRun, feeds: NamedTensors, tolerance: number): void {
  const losses = rowSums(results.get('new/sampleLoss')!, feeds.get('order')!).map(({ sum, count }) => sum / count);
  expect(relativeError(losses, golden.losses)).toBeLessThan(tolerance);
  for (const [name, values] of Object.entries(golden.final)) {
    expect(relativeError(results.get(`new/parameter/${name}`)!.data, values), name).toBeLessThan(tolerance);
  }
}

describe('PyTorch’s training runs', () => {
  test('cover what they should', () => {
    expect(cases.length).toBeGreaterThanOrEqual(6);
    expect(cases.some(({ momentum = 0, weightDecay = 0 }) => momentum > 0 && weightDecay > 0)).toBe(true);
    expect(cases.some(({ order }) => order.some((row) => row.length < order[0]!.length))).toBe(true);
    for (const { order } of cases) expect(order.length).toBeGreaterThanOrEqual(9);
    expect(cases.filter(({ order }) => order.length >= 10).length).toBeGreaterThanOrEqual(4);
  });

  test.each(cases)('$name on ONNX Runtime, float32, to 1e-5', async (golden) => {
    const plan = compilePlan(sourceOf(golden));
    const session = await onnxRuntimeNode().load(plan.train);
    const feeds = feedsOf(golden, plan.manifest.graphs.train.inputs);
    const results = await session.run(feeds);
    await session.release();
    expectRun(results, golden.float32, feeds, 1e-5);
  });

  test.each(cases)('$name in the float64 interpreter', (golden) => {
    const { manifest, train } = buildPlanGraphs(sourceOf(golden));
    const feeds = feedsOf(golden, manifest.graphs.train.inputs);
    feeds.set('scalar/learningRate', { dtype: 'float64', shape: [], data: Float64Array.of(rateOf(golden)) });
    // Settings of layers and optimisers are float32 constants of the graph.
    const isExact = golden.momentum === 0 && golden.weightDecay === 0;
    expectRun(interpret(train, feeds), golden.float64, feeds, isExact ? 1e-10 : 1e-6);
  });
});
