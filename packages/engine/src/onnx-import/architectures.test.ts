import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sgd } from '../layers/sgd.js';
import { softmaxCrossEntropy } from '../layers/softmax-cross-entropy.js';
import { onnxRuntimeNode } from '../node/onnx-runtime-node.js';
import { bindParameters } from '../plan/bound-model.js';
import { compilePlan } from '../plan/compile.js';
import { compileInference } from '../plan/inference-graph.js';
import { initializeParameters } from '../plan/initialize.js';
import type { DataSpec } from '../plan/manifest.js';
import { PlanRunner } from '../plan/runner.js';
import type { PlanSource } from '../plan/source.js';
import { elementCount, type NamedTensors, type Tensor } from '../tensor.js';
import { relativeError } from '../testing/compare.js';
import { testRandom } from '../testing/random.js';
import { modelFromOnnx } from './import-model.js';

/** What tools/goldens/architectures_exported.py writes: training runs of the models that it exports. */
interface Architecture {
  readonly name: string;
  readonly exporters: readonly string[];
  /** Of a sample, and of its labels. */
  readonly shape: readonly number[];
  readonly labels: readonly number[];
  readonly classes: number;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly order: readonly (readonly number[])[];
  readonly losses: readonly number[];
  /** Of the last batch, in evaluation after the training. */
  readonly prediction: readonly number[];
  /** The first numbers of each parameter and running statistic. */
  readonly final: Readonly<Record<string, readonly number[]>>;
}

const folder = new URL('../../../../tools/goldens/data/onnx-architectures/', import.meta.url);
const { cases }: { readonly cases: readonly Architecture[] } = JSON.parse(
  readFileSync(new URL('runs.json', folder), 'utf8'),
);
const exported = cases.flatMap((one) => one.exporters.map((exporter) => ({ ...one, exporter })));

function sourceOf({ name, exporter, shape, labels, classes }: (typeof exported)[number]): PlanSource {
  const data: DataSpec = {
    x: { dtype: shape.length === 1 ? 'int32' : 'float32', shape },
    y: { dtype: 'int32', shape: labels, classes },
  };
  return {
    name,
    model: modelFromOnnx(readFileSync(new URL(`${name}-${exporter}.onnx`, folder)), {}, `${name}.onnx`),
    data,
    loss: softmaxCrossEntropy(),
    metrics: [],
    training: { localEpochs: 1, batchSize: 4, shuffle: false, optimizer: sgd({ learningRate: 0.1 }) },
  };
}

function tensorOf({ dtype, shape }: DataSpec['x'], values: readonly number[]): Tensor {
  const data = dtype === 'float32' ? Float32Array.from(values) : Int32Array.from(values);
  return { dtype, shape: [values.length / elementCount(shape), ...shape], data } as Tensor;
}

async function predicted(source: PlanSource, parameters: NamedTensors, x: Tensor): Promise<Tensor | undefined> {
  const session = await onnxRuntimeNode().load(bindParameters(compileInference(source), parameters));
  const [prediction] = (await session.run(new Map([['x', x]]))).values();
  await session.release();
  return prediction;
}

test.each(exported)('$name ($exporter) trains and predicts as PyTorch does', async (one) => {
  const source = sourceOf(one);
  const samples = { x: tensorOf(source.data.x, one.x), y: tensorOf(source.data.y, one.y) };
  const runner = await PlanRunner.create(onnxRuntimeNode(), compilePlan(source));
  let parameters = initializeParameters(source.model, source.data, testRandom(1));
  const losses: number[] = [];
  for (const rows of one.order) {
    const order: Tensor = { dtype: 'int64', shape: [1, rows.length], data: BigInt64Array.from(rows, BigInt) };
    const result = await runner.train({ ...samples, parameters, order });
    losses.push(result.meanLoss);
    parameters = new Map([...parameters, ...result.parameters]);
  }
  await runner.release();
  expect(relativeError(losses, one.losses)).toBeLessThan(1e-4);

  const size = elementCount(one.shape);
  const last = one.order.at(-1)?.flatMap((row) => one.x.slice(row * size, (row + 1) * size)) ?? [];
  const prediction = await predicted(source, parameters, tensorOf(source.data.x, last));
  expect(relativeError(prediction?.data as Float32Array, one.prediction)).toBeLessThan(1e-4);

  const named = Object.entries(one.final).filter(([name]) => parameters.has(name));
  // A transposed or reordered weight has a name of the exporter's own.
  expect(named.length).toBeGreaterThanOrEqual(Object.keys(one.final).length / 3);
  for (const [name, values] of named) {
    const found = Array.from(parameters.get(name)?.data ?? [], Number).slice(0, values.length);
    expect(relativeError(found, values), name).toBeLessThan(2e-4);
  }
});

test('a table that is used twice is one parameter, though an exporter writes its copy', () => {
  const one = exported.find(({ name, exporter }) => name === 'gpt' && exporter === 'dynamo');
  const { parameters } = sourceOf(one as (typeof exported)[number]).model.build([6]);
  const tables = parameters.filter(({ shape }) => [...shape].sort().join() === '7,8');
  expect(tables.map(({ name }) => name)).toEqual(['words.weight']);
});

test.each(exported.filter(({ name }) => name === 'bert'))(
  'a text of padding alone is predicted as by the file, and its gradient is finite ($exporter)',
  async (one) => {
    const source = sourceOf(one);
    const x = tensorOf(source.data.x, new Array<number>(6).fill(0));
    const parameters = initializeParameters(source.model, source.data, testRandom(1));
    const file = await onnxRuntimeNode().load(readFileSync(new URL(`${one.name}-${one.exporter}.onnx`, folder)));
    const tokens: Tensor = { dtype: 'int64', shape: [1, 6], data: new BigInt64Array(6) };
    const [expected] = (await file.run(new Map([['x', tokens]]))).values();
    await file.release();
    const prediction = await predicted(source, parameters, x);
    expect(relativeError(prediction?.data as Float32Array, expected?.data as Float32Array)).toBeLessThan(1e-5);

    const runner = await PlanRunner.create(onnxRuntimeNode(), compilePlan(source));
    const order: Tensor = { dtype: 'int64', shape: [1, 1], data: new BigInt64Array(1) };
    const y = tensorOf(source.data.y, [1]);
    const result = await runner.train({ x, y, parameters, order });
    await runner.release();
    for (const [name, { data }] of result.parameters) {
      expect((data as Float32Array).every(Number.isFinite), name).toBe(true);
    }
  },
);
