import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { gradients } from '../graph/gradients.js';
import { Graph } from '../graph/graph.js';
import { checkCases } from '../graph/testing/check-case.js';
import type { Value } from '../graph/value.js';
import { onnxRuntimeNode } from '../node/onnx-runtime-node.js';
import { runGraph } from '../onnx/testing/run-onnx.js';
import { buildPlanGraphs, compilePlan } from '../plan/compile.js';
import { rowSums } from '../plan/row-sums.js';
import type { PlanSource } from '../plan/source.js';
import { interpret } from '../reference/interpret.js';
import type { NamedTensors, Tensor } from '../tensor.js';
import { relativeError } from '../testing/compare.js';
import { floats } from '../testing/evaluate.js';
import { applied, testContext } from '../testing/layer-context.js';
import { testRandom } from '../testing/random.js';
import { characterLstm, stackOverflowLstm } from '../zoo/recurrent.js';
import { dense } from './dense.js';
import { embedding } from './embedding.js';
import { gru } from './gru.js';

import { lstm } from './lstm.js';
import type { RecurrentOptions } from './recurrent.js';
import { sequential } from './sequential.js';
import { sgd } from './sgd.js';
import { softmaxCrossEntropy } from './softmax-cross-entropy.js';
import type { Layer, Model } from './types.js';

type Numbers = readonly number[];

/** What tools/goldens/recurrent.py writes. */
interface Golden {
  readonly layers: readonly LayerCase[];
  readonly training: readonly TrainingCase[];
}

interface LayerCase {
  readonly name: string;
  readonly type: keyof typeof kinds;
  readonly units: number;
  readonly layers: number;
  readonly returnSequences: boolean;
  readonly inputShape: Numbers;
  readonly shapes: Readonly<Record<string, Numbers>>;
  readonly initial: Readonly<Record<string, Numbers>>;
  readonly x: Numbers;
  readonly factors: Numbers;
  readonly float32: LayerRun;
  readonly float64: LayerRun;
}

interface LayerRun {
  readonly output: Numbers;
  readonly gradients: Readonly<Record<string, Numbers>>;
}

interface TrainingCase {
  readonly name: string;
  readonly type: keyof typeof kinds;
  readonly tokens: number;
  readonly dimensions: number;
  readonly units: number;
  readonly layers: number;
  readonly steps: number;
  /** A label for each. */
  readonly positions: boolean;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly initial: Readonly<Record<string, Numbers>>;
  readonly x: Numbers;
  readonly y: Numbers;
  readonly order: readonly Numbers[];
  readonly float32: TrainingRun;
  readonly float64: TrainingRun;
}

interface TrainingRun {
  readonly losses: Numbers;
  readonly final: Readonly<Record<string, Numbers>>;
}

const kinds = { lstm, gru } satisfies Record<string, (units: number, options?: RecurrentOptions) => Layer>;

const golden: Golden = JSON.parse(
  readFileSync(new URL('../../../../tools/goldens/data/recurrent.json', import.meta.url), 'utf8'),
);

/** Outputs `output`, and the gradients of its sum with `factors`, by input. */
function layerGraph(layer: Layer, inputShape: Numbers, batch: number): Graph {
  const g = new Graph();
  const built = layer.build(inputShape);
  const x = g.input('x', 'float32', ['batch', ...inputShape]);
  const weights = new Map(built.parameters.map(({ name, shape }) => [name, g.input(name, 'float32', shape)]));
  const { output } = applied(built, g, x, weights, testContext(g, batch));
  g.output('output', output);
  const wrt: readonly [string, Value][] = [['x', x], ...weights];
  const found = gradients(
    output,
    wrt.map(([, value]) => value),
    g.input('factors', 'float32', output.shape),
  );
  for (const [index, gradient] of found.entries()) g.output(`d.${wrt[index]![0]}`, gradient);
  return g;
}

function expectLayer(results: NamedTensors, run: LayerRun, tolerance: number): void {
  expect(relativeError(results.get('output')!.data, run.output), 'output').toBeLessThan(tolerance);
  for (const [name, values] of Object.entries(run.gradients)) {
    expect(relativeError(results.get(`d.${name}`)!.data, values), name).toBeLessThan(tolerance);
  }
}

describe.each(golden.layers)('PyTorch’s $name', (one) => {
  const { type, units, layers, returnSequences, inputShape, shapes, initial } = one;
  const layer = kinds[type](units, { layers, returnSequences });
  const batch = one.x.length / (inputShape[0]! * inputShape[1]!);
  const graph = layerGraph(layer, inputShape, batch);
  const feeds = new Map<string, Tensor>([
    ['x', floats([batch, ...inputShape], one.x)],
    ['factors', floats(returnSequences ? [batch, inputShape[0]!, units] : [batch, units], one.factors)],
    ...Object.entries(initial).map(([name, values]): [string, Tensor] => [name, floats(shapes[name]!, values)]),
  ]);

  test('has the same parameters, in its order', () => {
    const { parameters } = layer.build(inputShape);
    expect(parameters.map(({ name, shape }) => [name, shape])).toEqual(Object.entries(shapes));
  });

  test('output and gradients in the float64 interpreter', () => {
    expectLayer(interpret(graph, feeds), one.float64, 1e-10);
  });

  test('output and gradients on ONNX Runtime', async () => {
    expectLayer(await runGraph(graph, feeds), one.float32, 1e-5);
  });
});

checkCases(
  'recurrent layers',
  Object.entries(kinds).map(([name, kind]) => ({
    name: `${name} of two layers`,
    inputs: {
      x: { shape: ['batch', 3, 2] },
      ...Object.fromEntries(
        kind(2, { layers: 2 })
          .build([3, 2])
          .parameters.map(({ name: parameter, shape }) => [parameter, { shape }]),
      ),
    },
    extents: { batch: 2 },
    build: (g: Graph, { x, ...weights }: Readonly<Record<string, Value>>) =>
      applied(kind(2, { layers: 2 }).build([3, 2]), g, x!, new Map(Object.entries(weights)), testContext(g, 2)).output,
  })),
);

function modelOf({ type, tokens, dimensions, units, layers, positions }: TrainingCase): Model {
  if (positions) return stackOverflowLstm({ vocabulary: tokens - 4, dimensions, units, layers });
  if (type === 'lstm') return characterLstm({ characters: tokens, dimensions, units, layers });
  return sequential({
    embeddings: embedding(tokens, dimensions),
    gru: gru(units, { layers }),
    fc: dense(tokens),
  });
}

function sourceOf(one: TrainingCase): PlanSource {
  return {
    name: one.name,
    model: modelOf(one),
    data: {
      x: { dtype: 'int32', shape: [one.steps] },
      y: { dtype: 'int32', shape: one.positions ? [one.steps] : [], classes: one.tokens },
    },
    loss: softmaxCrossEntropy(),
    metrics: [],
    training: {
      localEpochs: 1,
      batchSize: one.batchSize,
      optimizer: sgd({ learningRate: one.learningRate }),
    },
  };
}

/** The train graph's inputs; a smaller last batch is padded. */
function feedsOf(one: TrainingCase, inputs: ReturnType<typeof compilePlan>['manifest']['graphs']['train']['inputs']) {
  const { batchSize, order } = one;
  const samples = one.x.length / one.steps;
  const rows = order.flatMap((row) => Array.from({ length: batchSize }, (_, place) => BigInt(row[place] ?? -1)));
  const given: Readonly<Record<string, (name: string, shape: Numbers) => Tensor>> = {
    parameter: (name, shape) => floats(shape, one.initial[name]!),
    scalar: () => floats([], [one.learningRate]),
    x: () => ({ dtype: 'int32', shape: [samples, one.steps], data: Int32Array.from(one.x) }),
    y: () => ({
      dtype: 'int32',
      shape: one.positions ? [samples, one.steps] : [samples],
      data: Int32Array.from(one.y),
    }),
    order: () => ({ dtype: 'int64', shape: [order.length, batchSize], data: BigInt64Array.from(rows) }),
  };
  return new Map(inputs.map(({ port, source, name, shape }) => [port, given[source]!(name, shape.map(Number))]));
}

function expectRun(results: NamedTensors, run: TrainingRun, order: Tensor, tolerance: number): void {
  const losses = rowSums(results.get('new/sampleLoss')!, order).map(({ sum, count }) => sum / count);
  expect(relativeError(losses, run.losses)).toBeLessThan(tolerance);
  for (const [name, values] of Object.entries(run.final)) {
    expect(relativeError(results.get(`new/parameter/${name}`)!.data, values), name).toBeLessThan(tolerance);
  }
}

describe.each(golden.training)('PyTorch’s training run $name', (one) => {
  test('on ONNX Runtime, float32', async () => {
    const plan = compilePlan(sourceOf(one));
    const session = await onnxRuntimeNode().load(plan.train);
    const feeds = feedsOf(one, plan.manifest.graphs.train.inputs);
    const results = await session.run(feeds);
    await session.release();
    expectRun(results, one.float32, feeds.get('order')!, 1e-5);
  });

  test('in the float64 interpreter', () => {
    const { manifest, train } = buildPlanGraphs(sourceOf(one));
    const feeds = feedsOf(one, manifest.graphs.train.inputs);
    feeds.set('scalar/learningRate', { dtype: 'float64', shape: [], data: Float64Array.of(one.learningRate) });
    expectRun(interpret(train, feeds), one.float64, feeds.get('order')!, 1e-10);
  });
});

describe('recurrent layers', () => {
  test('begin as PyTorch’s: uniform within 1/sqrt(units)', () => {
    for (const { initialize } of lstm(64, { layers: 2 }).build([3, 8]).parameters) {
      const largest = initialize(testRandom(5)).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      expect(largest).toBeLessThanOrEqual(1 / 8);
      expect(largest).toBeGreaterThan(0.95 / 8);
    }
  });

  test('say what they take', () => {
    expect(() => lstm(0)).toThrow(/lstm\(0\): units is 0; give a whole number of at least 1/);
    expect(() => gru(4, { layers: 0.5 })).toThrow(/gru\(4\): layers is 0.5/);
    expect(() => lstm(4, { returnSequences: 'yes' as never })).toThrow(/returnSequences is "yes"; give true or false/);
    expect(() => lstm(4, { bidirectional: true } as never)).toThrow(/no setting bidirectional/);
    expect(() => gru(4).build([12])).toThrow(
      /gru\(4\) expects samples of shape \[steps, features\], but gets \[12\]: .*embedding/,
    );
  });
});
