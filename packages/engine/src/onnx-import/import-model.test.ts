import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sgd } from '../layers/sgd.js';
import { softmaxCrossEntropy } from '../layers/softmax-cross-entropy.js';
import { onnxRuntimeNode } from '../node/onnx-runtime-node.js';
import { bindParameters } from '../plan/bound-model.js';
import { compilePlan } from '../plan/compile.js';
import { compileInference } from '../plan/inference-graph.js';
import { initializeParameters } from '../plan/initialize.js';
import type { DataSpec } from '../plan/manifest.js';
import { concatenated, lengthDelimited, varintField } from '../plan/protobuf-fields.js';
import { PlanRunner } from '../plan/runner.js';
import type { PlanSource } from '../plan/source.js';
import type { Tensor } from '../tensor.js';
import { relativeError } from '../testing/compare.js';
import { evaluateGraph, floats } from '../testing/evaluate.js';
import { applied, testContext } from '../testing/layer-context.js';
import { testRandom } from '../testing/random.js';
import { modelFromOnnx, type OnnxModelOptions } from './import-model.js';

/** What tools/goldens/exported.py writes: training runs of the models that it exports. */
interface ExportedCase {
  readonly name: string;
  readonly exporter: 'legacy' | 'dynamo';
  readonly losses: readonly number[];
  readonly final: Readonly<Record<string, readonly number[]>>;
  readonly x: readonly (readonly number[])[];
  readonly y: readonly (number | readonly number[])[];
  readonly order: readonly (readonly number[])[];
}

const folder = new URL('../../../../tools/goldens/data/onnx/', import.meta.url);
const { cases }: { readonly cases: readonly ExportedCase[] } = JSON.parse(
  readFileSync(new URL('runs.json', folder), 'utf8'),
);

const fileOf = ({ name, exporter }: Pick<ExportedCase, 'name' | 'exporter'>) =>
  readFileSync(new URL(`${name}-${exporter}.onnx`, folder));

function sourceOf(one: ExportedCase, options: OnnxModelOptions = {}): PlanSource {
  const images = one.name.endsWith('norm');
  const data: DataSpec = {
    x: { dtype: images ? 'float32' : 'int32', shape: images ? [1, 8, 8] : [6] },
    y: { dtype: 'int32', shape: one.name === 'gru' ? [6] : [], classes: 3 },
  };
  return {
    name: one.name,
    model: modelFromOnnx(fileOf(one), options, `${one.name}.onnx`),
    data,
    loss: softmaxCrossEntropy(),
    metrics: [],
    training: { localEpochs: 1, batchSize: 4, shuffle: false, optimizer: sgd({ learningRate: 0.2 }) },
  };
}

function samplesOf(one: ExportedCase, { data }: PlanSource): { readonly x: Tensor; readonly y: Tensor } {
  const [xs, ys] = [one.x.flat(), one.y.flat()];
  const x = data.x.dtype === 'float32' ? Float32Array.from(xs) : Int32Array.from(xs);
  return {
    x: { dtype: data.x.dtype, shape: [9, ...data.x.shape], data: x },
    y: { dtype: 'int32', shape: [9, ...data.y.shape], data: Int32Array.from(ys) },
  };
}

describe('models that PyTorch exported', () => {
  test('are of both exporters', () => {
    expect(cases.map(({ name, exporter }) => `${name} ${exporter}`)).toEqual([
      'batch-norm legacy',
      'group-norm legacy',
      'group-norm dynamo',
      'encoder legacy',
      'encoder dynamo',
      'lstm legacy',
      'lstm dynamo',
      'gru legacy',
      'gru dynamo',
    ]);
  });

  test.each(cases)('$name ($exporter) predicts as the file does', async (one) => {
    const source = sourceOf(one);
    const random = testRandom(1);
    const parameters = initializeParameters(source.model, source.data, random);
    const ours = await onnxRuntimeNode().load(bindParameters(compileInference(source), parameters));
    const theirs = await onnxRuntimeNode().load(fileOf(one));
    const { x } = samplesOf(one, source);
    const given: Tensor =
      x.dtype === 'float32' ? x : { dtype: 'int64', shape: x.shape, data: BigInt64Array.from(x.data, BigInt) };
    const [prediction] = (await ours.run(new Map([['x', x]]))).values();
    const [expected] = (await theirs.run(new Map([['x', given]]))).values();
    await Promise.all([ours.release(), theirs.release()]);
    expect(prediction?.shape).toEqual(expected?.shape);
    expect(relativeError(prediction?.data as Float32Array, expected?.data as Float32Array)).toBeLessThan(1e-5);
  });

  test.each(cases)('$name ($exporter) trains as PyTorch does', async (one) => {
    const source = sourceOf(one);
    const runner = await PlanRunner.create(onnxRuntimeNode(), compilePlan(source));
    let parameters = initializeParameters(source.model, source.data, testRandom(1));
    const losses: number[] = [];
    for (const rows of one.order) {
      const order: Tensor = { dtype: 'int64', shape: [1, 4], data: BigInt64Array.from(rows, BigInt) };
      const result = await runner.train({ ...samplesOf(one, source), parameters, order });
      losses.push(result.meanLoss);
      parameters = new Map([...parameters, ...result.parameters]);
    }
    await runner.release();
    expect(relativeError(losses, one.losses)).toBeLessThan(1e-4);
    const named = Object.entries(one.final).filter(([name]) => parameters.has(name));
    expect(named.length).toBeGreaterThanOrEqual(2);
    // A transposed or reordered weight has a name of the exporter's own.
    for (const [name, values] of named) {
      expect(relativeError(parameters.get(name)?.data as Float32Array, values), name).toBeLessThan(2e-4);
    }
  });

  test('have running statistics as buffers', () => {
    const { parameters } = sourceOf(cases[0] as ExportedCase).model.build([1, 8, 8]);
    const roles = new Map(parameters.map(({ name, role }) => [name, role]));
    expect(roles.get('norm1.running_mean')).toBe('buffer');
    expect(roles.get('norm1.running_var')).toBe('buffer');
    expect(roles.get('norm1.weight')).toBe('trained');
  });

  test('train what is named, and keep the rest', () => {
    const rolesOf = (options: OnnxModelOptions) =>
      sourceOf(cases[1] as ExportedCase, options)
        .model.build([1, 8, 8])
        .parameters.filter(({ role }) => role === 'trained')
        .map(({ name }) => name);
    expect(rolesOf({ trained: /^fc\./ })).toEqual(['fc.weight', 'fc.bias']);
    expect(rolesOf({ trained: (name) => name === 'conv1.weight' })).toEqual(['conv1.weight']);
  });
});

/** A file of some nodes with `x` `[batch, 4]`, by the field numbers of onnx.proto. */
function madeFile(
  nodes: readonly (readonly [op: string, name: string, domain?: string, constant?: string])[],
  opset = 20,
  constants: readonly Uint8Array[] = [],
  outputs: readonly string[] = [`v${nodes.length}`],
): Uint8Array {
  const value = (name: string) => {
    const extents = [lengthDelimited(2, 'batch'), varintField(1, 4)].map((one) => lengthDelimited(1, one));
    const tensor = lengthDelimited(1, varintField(1, 1), lengthDelimited(2, ...extents));
    return [lengthDelimited(1, name), lengthDelimited(2, tensor)];
  };
  const made = nodes.map(([op, name, domain = '', constant], at) =>
    lengthDelimited(
      1,
      ...[
        lengthDelimited(1, at === 0 ? 'x' : `v${at}`),
        ...(constant?.split(' ') ?? []).map((one) => lengthDelimited(1, one)),
      ],
      lengthDelimited(2, `v${at + 1}`),
      ...[lengthDelimited(3, name), lengthDelimited(4, op), lengthDelimited(7, domain)],
    ),
  );
  return concatenated([
    lengthDelimited(
      7,
      ...made,
      ...constants,
      lengthDelimited(11, ...value('x')),
      ...outputs.map((name) => lengthDelimited(12, ...value(name))),
    ),
    lengthDelimited(8, varintField(2, opset)),
  ]);
}

/** A constant of float32. */
const table = (name: string, values: readonly number[]) =>
  lengthDelimited(
    5,
    ...[varintField(1, values.length), varintField(2, 1), lengthDelimited(8, name)],
    lengthDelimited(9, new Uint8Array(Float32Array.from(values).buffer)),
  );

test('equal numbers that an exporter wrote once are parameters of their own, a shared table is one', () => {
  const shared = madeFile(
    [
      ['Add', 'a', '', 'zeros'],
      ['Mul', 'b', '', 'table'],
      ['Add', 'c', '', 'zeros'],
      ['Mul', 'd', '', 'table'],
    ],
    20,
    [table('zeros', [0, 0, 0, 0]), table('table', [1, 2, 3, 4])],
  );
  const { parameters } = modelFromOnnx(shared).build([4]);
  expect(parameters.map(({ name }) => name)).toEqual(['zeros', 'table', 'zeros_2']);
});

test('of several outputs the one that is named is the prediction, and what others need does not matter', () => {
  const bytes = madeFile(
    [
      ['Relu', 'a'],
      ['TopK', 'b'],
    ],
    20,
    [],
    ['v1', 'v2'],
  );
  expect(() => modelFromOnnx(bytes)).toThrow(/has the outputs v1, v2: name that of the predictions by `output`/);
  expect(() => modelFromOnnx(bytes, { output: 'v3' })).toThrow(/has no output v3, but v1, v2/);
  expect(modelFromOnnx(bytes, { output: 'v1' }).build([4]).outputShape).toEqual([4]);
});

test('the largest of several values, of which some are constants, is of all of them', () => {
  const file = madeFile([['Max', 'a', '', 'low high']], 20, [table('low', [1, 1, 1, 1]), table('high', [0, 2, 0, 2])]);
  const built = modelFromOnnx(file, { trained: () => false }).build([4]);
  const values = new Map(
    built.parameters.map(({ name, shape, initialize }) => [name, floats(shape, [...initialize(testRandom(1))])]),
  );
  const { values: found } = evaluateGraph([floats([1, 4], [0, 0, 5, 5]), ...values.values()], (g, [x, ...rest]) => {
    const params = new Map([...values.keys()].map((name, at) => [name, rest[at]!]));
    return applied(built, g, x!, params, testContext(g, 1)).output;
  });
  expect(found).toEqual([1, 2, 5, 5]);
});

describe('refuses, and says why,', () => {
  test('operators without a rule, all of them with their places', () => {
    const bytes = madeFile([
      ['Relu', 'a'],
      ['TopK', 'head/TopK'],
      ['Sinh', 'b'],
      ['Sinh', ''],
      ['FusedGelu', 'c', 'com.microsoft'],
    ]);
    expect(() => modelFromOnnx(bytes, {}, 'big.onnx')).toThrow(
      expect.objectContaining({
        code: 'onnx.operators',
        message: expect.stringMatching(
          /^big\.onnx has operators.*\n {2}TopK: head\/TopK\n {2}Sinh: b, what makes v4\n {2}com\.microsoft\.FusedGelu: c\n/,
        ),
      }),
    );
  });

  test.each([
    ['what is no ONNX', new TextEncoder().encode('hello, world'), /m\.onnx cannot be trained: it is no ONNX model/],
    ['an empty file', new Uint8Array(), /it lacks a graph/],
    ['an old operator set', madeFile([['Relu', 'a']], 9), /operator set 9; export it with opset_version=13/],
  ])('%s', (_, bytes, message) => {
    expect(() => modelFromOnnx(bytes, {}, 'm.onnx')).toThrow(message);
    expect(() => modelFromOnnx(bytes, {}, 'm.onnx')).toThrow(expect.objectContaining({ code: 'onnx.format' }));
  });

  test.each([
    ['float64', 11, /its input x is of float64: export it with samples of float32 or int64/],
    ['a type of its own', 8, /its input x is of a type that no data have/],
  ])('samples of %s', (_, element, message) => {
    const tensor = lengthDelimited(1, varintField(1, element), lengthDelimited(2));
    const input = lengthDelimited(11, lengthDelimited(1, 'x'), lengthDelimited(2, tensor));
    const bytes = concatenated([lengthDelimited(7, input), lengthDelimited(8, varintField(2, 20))]);
    expect(() => modelFromOnnx(bytes, {}, 'm.onnx')).toThrow(message);
  });

  test('constants in another file', () => {
    const place = lengthDelimited(5, lengthDelimited(8, 'w'), varintField(2, 1), varintField(14, 1));
    const bytes = concatenated([lengthDelimited(7, place), lengthDelimited(8, varintField(2, 20))]);
    expect(() => modelFromOnnx(bytes)).toThrow(/its tensor w lies in another file.*external_data=False/);
  });

  test('samples of another shape, and settings that there are not', () => {
    const model = modelFromOnnx(madeFile([['Relu', 'a']]), {}, 'm.onnx');
    expect(model.build([4]).outputShape).toEqual([4]);
    expect(() => model.build([5])).toThrow(/m\.onnx takes samples of shape \[4\] \(its input x\), but gets \[5\]/);
    expect(() => modelFromOnnx(madeFile([['Relu', 'a']]), { train: /x/ } as never)).toThrow(/no setting train/);
    expect(() => modelFromOnnx(madeFile([['Relu', 'a']]), { trained: 'fc' as never })).toThrow(/trained is "fc"/);
  });
});
