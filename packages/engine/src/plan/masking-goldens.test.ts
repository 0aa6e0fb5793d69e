import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { gelu } from '../layers/activations.js';
import { multiHeadAttention } from '../layers/attention.js';
import { residual } from '../layers/composites.js';
import { dense } from '../layers/dense.js';
import { embedding } from '../layers/embedding.js';
import { gru } from '../layers/gru.js';
import { lstm } from '../layers/lstm.js';
import { masked, positionMean } from '../layers/masked.js';
import { positionalEmbedding } from '../layers/positional-embedding.js';
import { layerNorm } from '../layers/sample-norms.js';
import { sequential } from '../layers/sequential.js';
import { sgd } from '../layers/sgd.js';
import { softmaxCrossEntropy } from '../layers/softmax-cross-entropy.js';
import type { Model } from '../layers/types.js';
import { onnxRuntimeNode } from '../node/onnx-runtime-node.js';
import { interpret } from '../reference/interpret.js';
import { type NamedTensors, type Tensor, zeros } from '../tensor.js';
import { relativeError } from '../testing/compare.js';
import { buildPlanGraphs, compilePlan } from './compile.js';
import type { GraphPort } from './manifest.js';
import { rowSums } from './row-sums.js';
import type { PlanSource } from './source.js';

interface Run {
  readonly losses: readonly number[];
  readonly final: Readonly<Record<string, readonly number[]>>;
}

/** What tools/goldens/masking.py writes: training runs of PyTorch on texts of unequal lengths. */
interface MaskingCase {
  readonly name: 'transformer' | 'lstm' | 'gru';
  readonly positions: number;
  readonly classes: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly momentum: number;
  readonly initial: Readonly<Record<string, readonly number[]>>;
  readonly x: readonly (readonly number[])[];
  readonly y: readonly number[];
  readonly order: readonly (readonly number[])[];
  readonly float32: Run;
  readonly float64: Run;
}

const file = new URL('../../../../tools/goldens/data/masking.json', import.meta.url);
const { cases }: { readonly cases: readonly MaskingCase[] } = JSON.parse(readFileSync(file, 'utf8'));

const models: Readonly<Record<MaskingCase['name'], Model>> = {
  transformer: sequential({
    encoder: masked(0, {
      embedding: embedding(7, 4),
      position: positionalEmbedding(6),
      attention: residual({ norm1: layerNorm({ dimensions: 1 }), self_attn: multiHeadAttention(2) }),
      feedforward: residual({
        norm2: layerNorm({ dimensions: 1 }),
        linear1: dense(6),
        activation: gelu(),
        linear2: dense(4),
      }),
      mean: positionMean(),
    }),
    head: dense(3),
  }),
  lstm: sequential({
    encoder: masked(0, { embedding: embedding(7, 4), cell: lstm(3, { layers: 2 }) }),
    head: dense(3),
  }),
  gru: sequential({ encoder: masked(0, { embedding: embedding(7, 4), cell: gru(3, { layers: 2 }) }), head: dense(3) }),
};

function sourceOf({ name, positions, classes, batchSize, learningRate, momentum }: MaskingCase): PlanSource {
  return {
    name,
    model: models[name],
    loss: softmaxCrossEntropy(),
    data: { x: { dtype: 'int32', shape: [positions] }, y: { dtype: 'int32', shape: [], classes } },
    metrics: [],
    training: { localEpochs: 1, batchSize, optimizer: sgd({ learningRate, momentum }) },
  };
}

/** The train graph's inputs; a smaller last batch is padded. */
function feedsOf(golden: MaskingCase, inputs: readonly GraphPort[]): Map<string, Tensor> {
  const { order, batchSize, learningRate, positions, x, y } = golden;
  const rows = order.flatMap((row) => Array.from({ length: batchSize }, (_, place) => BigInt(row[place] ?? -1)));
  const tensorOf = ({ source, name, shape }: GraphPort): Tensor => {
    if (source === 'x') return { dtype: 'int32', shape: [x.length, positions], data: Int32Array.from(x.flat()) };
    if (source === 'y') return { dtype: 'int32', shape: [y.length], data: Int32Array.from(y) };
    if (source === 'order') return { dtype: 'int64', shape: [order.length, batchSize], data: BigInt64Array.from(rows) };
    if (source === 'scalar') return { dtype: 'float32', shape: [], data: Float32Array.of(learningRate) };
    const extents = shape.map(Number);
    const initial = source === 'parameter' ? golden.initial[name] : undefined;
    return initial === undefined
      ? zeros('float32', extents)
      : { dtype: 'float32', shape: extents, data: Float32Array.from(initial) };
  };
  return new Map(inputs.map((port) => [port.port, tensorOf(port)]));
}

function expectRun(results: NamedTensors, golden: Run, feeds: NamedTensors, tolerance: number): void {
  const [losses, order] = [results.get('new/sampleLoss'), feeds.get('order')];
  if (losses === undefined || order === undefined) throw new Error('no losses');
  const means = rowSums(losses, order).map(({ sum, count }) => sum / count);
  expect(relativeError(means, golden.losses)).toBeLessThan(tolerance);
  for (const [name, values] of Object.entries(golden.final)) {
    expect(relativeError(results.get(`new/parameter/${name}`)?.data ?? [], values), name).toBeLessThan(tolerance);
  }
}

describe('PyTorch’s training runs on texts of unequal lengths', () => {
  test('have the parameters of the models', () => {
    expect(cases.map(({ name }) => name)).toEqual(Object.keys(models));
    for (const golden of cases) {
      const names = compilePlan(sourceOf(golden)).manifest.parameters.map(({ name }) => name);
      expect(names).toEqual(Object.keys(golden.initial).sort());
    }
  });

  test.each(cases)('$name on ONNX Runtime, float32, to 1e-4', async (golden) => {
    const plan = compilePlan(sourceOf(golden));
    const session = await onnxRuntimeNode().load(plan.train);
    const feeds = feedsOf(golden, plan.manifest.graphs.train.inputs);
    const results = await session.run(feeds);
    await session.release();
    expectRun(results, golden.float32, feeds, 1e-4);
  });

  test.each(cases)('$name in the float64 interpreter', (golden) => {
    const { manifest, train } = buildPlanGraphs(sourceOf(golden));
    const feeds = feedsOf(golden, manifest.graphs.train.inputs);
    expectRun(interpret(train, feeds), golden.float64, feeds, 1e-6);
  });
});
