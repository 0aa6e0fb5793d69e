import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { multiHeadAttention } from '../layers/attention.js';
import { dense } from '../layers/dense.js';
import { embedding } from '../layers/embedding.js';
import { sequential } from '../layers/sequential.js';
import { sgd } from '../layers/sgd.js';
import { softmaxCrossEntropy } from '../layers/softmax-cross-entropy.js';
import type { Loss, Model } from '../layers/types.js';
import { onnxRuntimeNode } from '../node/onnx-runtime-node.js';
import { interpret } from '../reference/interpret.js';
import { elementCount, type NamedTensors, type Tensor, zeros } from '../tensor.js';
import { relativeError } from '../testing/compare.js';
import { smallGpt } from '../zoo/gpt.js';
import { buildPlanGraphs, compilePlan } from './compile.js';
import type { GraphPort } from './manifest.js';
import { rowSums } from './row-sums.js';
import type { PlanSource } from './source.js';

interface Run {
  readonly losses: readonly number[];
  readonly final: Readonly<Record<string, readonly number[]>>;
}

/** What tools/goldens/sequences.py writes: training runs of PyTorch with a label for each position. */
interface SequenceCase {
  readonly name: 'gpt' | 'tagger';
  readonly positions: number;
  readonly classes: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly momentum: number;
  readonly initial: Readonly<Record<string, readonly number[]>>;
  readonly x: readonly (readonly number[])[];
  readonly y: readonly (readonly number[])[];
  readonly order: readonly (readonly number[])[];
  readonly float32: Run;
  readonly float64: Run;
}

const file = new URL('../../../../tools/goldens/data/sequences.json', import.meta.url);
const { cases }: { readonly cases: readonly SequenceCase[] } = JSON.parse(readFileSync(file, 'utf8'));

const models: Readonly<Record<SequenceCase['name'], { readonly model: Model; readonly loss: Loss }>> = {
  gpt: {
    model: smallGpt({ vocabulary: 7, positions: 5, layers: 2, width: 6, heads: 2 }),
    loss: softmaxCrossEntropy(),
  },
  tagger: {
    model: sequential({ embedding: embedding(6, 4), attention: multiHeadAttention(2), head: dense(3) }),
    loss: softmaxCrossEntropy({ ignore: 0 }),
  },
};

function sourceOf({ name, positions, classes, batchSize, learningRate, momentum }: SequenceCase): PlanSource {
  return {
    name,
    ...models[name],
    data: { x: { dtype: 'int32', shape: [positions] }, y: { dtype: 'int32', shape: [positions], classes } },
    metrics: [],
    training: { localEpochs: 1, batchSize, optimizer: sgd({ learningRate, momentum }) },
  };
}

/** The train graph's inputs; a smaller last batch is padded. */
function feedsOf(golden: SequenceCase, inputs: readonly GraphPort[]): Map<string, Tensor> {
  const { order, batchSize, learningRate, positions } = golden;
  const rows = order.flatMap((row) => Array.from({ length: batchSize }, (_, place) => BigInt(row[place] ?? -1)));
  const table = (values: readonly (readonly number[])[]): Tensor => ({
    dtype: 'int32',
    shape: [values.length, positions],
    data: Int32Array.from(values.flat()),
  });
  const tensorOf = ({ source, name, shape }: GraphPort): Tensor => {
    const extents = shape.map(Number);
    if (source === 'x' || source === 'y') return table(golden[source]);
    if (source === 'order') return { dtype: 'int64', shape: [order.length, batchSize], data: BigInt64Array.from(rows) };
    if (source === 'scalar') return { dtype: 'float32', shape: [], data: Float32Array.of(learningRate) };
    if (source !== 'parameter') return zeros('float32', extents);
    const data = Float32Array.from(golden.initial[name]!);
    expect(data.length, name).toBe(elementCount(extents));
    return { dtype: 'float32', shape: extents, data };
  };
  return new Map(inputs.map((port) => [port.port, tensorOf(port)]));
}

function expectRun(results: NamedTensors, golden: Run, feeds: NamedTensors, tolerance: number): void {
  const losses = rowSums(results.get('new/sampleLoss')!, feeds.get('order')!).map(({ sum, count }) => sum / count);
  expect(relativeError(losses, golden.losses)).toBeLessThan(tolerance);
  for (const [name, values] of Object.entries(golden.final)) {
    expect(relativeError(results.get(`new/parameter/${name}`)!.data, values), name).toBeLessThan(tolerance);
  }
}

describe('PyTorch’s training runs of sequences', () => {
  test('have the parameters of the models', () => {
    expect(cases.map(({ name }) => name)).toEqual(['gpt', 'tagger']);
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
