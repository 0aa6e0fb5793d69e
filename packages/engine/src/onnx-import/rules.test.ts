import { expect, test } from 'vitest';
import { gradients } from '../graph/gradients.js';
import { runOnnx } from '../onnx/testing/run-onnx.js';
import { concatenated, lengthDelimited, varintField } from '../plan/protobuf-fields.js';
import { elementCount, type Tensor } from '../tensor.js';
import { relativeError } from '../testing/compare.js';
import { evaluateGraph, floats } from '../testing/evaluate.js';
import { applied, testContext } from '../testing/layer-context.js';
import { testRandom } from '../testing/random.js';
import { modelFromOnnx } from './import-model.js';

type AttributeValue = number | string | readonly number[] | { readonly float: number };

interface OneNode {
  readonly op: string;
  /** Of a sample. */
  readonly x: readonly number[];
  /** Of all samples; default: between -2 and 2. */
  readonly data?: readonly number[];
  /** Inputs behind x: int64 vectors, float32 tables, or left out. */
  readonly inputs?: readonly (readonly number[] | FloatInput | undefined)[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

interface FloatInput {
  readonly shape: readonly number[];
  /** Default: drawn. */
  readonly data?: readonly number[];
}

const SAMPLES = 2;

/** A file of one node, by the field numbers of onnx.proto: `x` `[batch, ...]`, and `y`. */
function fileOf({ op, x, inputs = [], attributes = {} }: OneNode, constantName = 'c'): Uint8Array {
  const dimension = (extent: number | string) =>
    lengthDelimited(1, typeof extent === 'string' ? lengthDelimited(2, extent) : varintField(1, extent));
  const shape = lengthDelimited(2, ...['batch', ...x].map(dimension));
  const xType = lengthDelimited(2, lengthDelimited(1, varintField(1, 1), shape));
  const yType = lengthDelimited(2, lengthDelimited(1, varintField(1, 1)));
  const constants = inputs.flatMap((one, at) => {
    if (one === undefined) return [];
    const isTable = 'shape' in one;
    const extents = isTable ? one.shape : [one.length];
    const data = isTable ? Float32Array.from(one.data ?? tableOf(extents, at)) : BigInt64Array.from(one, BigInt);
    const fields = [...extents.map((extent) => varintField(1, extent)), varintField(2, isTable ? 1 : 7)];
    const raw = lengthDelimited(9, new Uint8Array(data.buffer));
    return [lengthDelimited(5, ...fields, lengthDelimited(8, `${constantName}${at}`), raw)];
  });
  const node = [
    lengthDelimited(1, 'x'),
    ...inputs.map((one, at) => lengthDelimited(1, one === undefined ? '' : `${constantName}${at}`)),
    lengthDelimited(2, 'y'),
    lengthDelimited(4, op),
    ...Object.entries(attributes).map(([name, value]) =>
      lengthDelimited(5, lengthDelimited(1, name), ...written(value)),
    ),
  ];
  const ends = [
    lengthDelimited(11, lengthDelimited(1, 'x'), xType),
    lengthDelimited(12, lengthDelimited(1, 'y'), yType),
  ];
  const graph = lengthDelimited(7, lengthDelimited(1, ...node), lengthDelimited(2, 'one'), ...constants, ...ends);
  return concatenated([varintField(1, 9), graph, lengthDelimited(8, varintField(2, 20))]);
}

function written(value: AttributeValue): readonly Uint8Array[] {
  if (typeof value === 'number') return [varintField(3, value), varintField(20, 2)];
  if (typeof value === 'string') return [lengthDelimited(4, value), varintField(20, 3)];
  if ('float' in value) {
    const bytes = new Uint8Array(Float32Array.of(value.float).buffer);
    return [concatenated([Uint8Array.of((2 << 3) | 5), bytes]), varintField(20, 1)];
  }
  return [...value.map((one) => varintField(8, one)), varintField(20, 7)];
}

function tableOf(shape: readonly number[], seed: number): Float32Array {
  const random = testRandom(seed + 5);
  return Float32Array.from({ length: elementCount(shape) }, () => random.next() - 0.5);
}

/** @param data of two samples */
function raisedTo(exponent: number, data: readonly number[]): OneNode {
  return { op: 'Pow', x: [data.length / SAMPLES], data, inputs: [{ shape: [], data: [exponent] }] };
}

const spatial = { x: [2, 5, 6] };
const resizes = (mode: string, coordinate: string, more: Readonly<Record<string, AttributeValue>> = {}): OneNode => ({
  op: 'Resize',
  ...spatial,
  inputs: [undefined, undefined, [2, 2, 8, 4]],
  attributes: { mode, coordinate_transformation_mode: coordinate, ...more },
});

const nodes: readonly OneNode[] = [
  resizes('nearest', 'asymmetric', { nearest_mode: 'floor' }),
  resizes('nearest', 'half_pixel', { nearest_mode: 'round_prefer_ceil' }),
  resizes('nearest', 'align_corners', { nearest_mode: 'ceil' }),
  resizes('nearest', 'half_pixel'),
  resizes('linear', 'half_pixel'),
  resizes('linear', 'align_corners'),
  resizes('linear', 'asymmetric'),
  resizes('linear', 'pytorch_half_pixel'),
  resizes('cubic', 'half_pixel'),
  resizes('cubic', 'align_corners', { exclude_outside: 1 }),
  { op: 'Pad', ...spatial, inputs: [[0, 0, 1, 2, 0, 0, 0, 1]], attributes: { mode: 'reflect' } },
  { op: 'Pad', ...spatial, inputs: [[0, 0, 1, 2, 0, 0, 0, 1]], attributes: { mode: 'edge' } },
  { op: 'Pad', ...spatial, inputs: [[0, 0, 1, 2, 0, 0, 0, 1]], attributes: { mode: 'wrap' } },
  { op: 'Pad', ...spatial, inputs: [[0, 0, -1, 2, 0, 1, 0, -2]] },
  {
    op: 'MaxPool',
    ...spatial,
    attributes: { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 1, 1, 0], ceil_mode: 1 },
  },
  { op: 'AveragePool', ...spatial, attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] } },
  { op: 'AveragePool', ...spatial, attributes: { kernel_shape: [2, 3], strides: [2, 2], ceil_mode: 1 } },
  { op: 'AveragePool', ...spatial, attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 } },
  { op: 'AveragePool', x: [2, 7], attributes: { kernel_shape: [3], strides: [2], pads: [1, 1] } },
  {
    op: 'Conv',
    x: [2, 7],
    inputs: [{ shape: [4, 1, 3] }, { shape: [4] }],
    attributes: { group: 2, dilations: [2], pads: [2, 1] },
  },
  { op: 'ConvTranspose', x: [2, 5], inputs: [{ shape: [2, 3, 3] }], attributes: { strides: [2], output_padding: [1] } },
  {
    op: 'ConvTranspose',
    ...spatial,
    inputs: [{ shape: [2, 2, 3, 2] }, { shape: [4] }],
    attributes: { group: 2, strides: [2, 1], pads: [1, 0, 0, 1], dilations: [1, 2] },
  },
  { op: 'DepthToSpace', x: [8, 2, 3], attributes: { blocksize: 2 } },
  { op: 'DepthToSpace', x: [8, 2, 3], attributes: { blocksize: 2, mode: 'CRD' } },
  { op: 'SpaceToDepth', x: [2, 4, 6], attributes: { blocksize: 2 } },
  { op: 'CumSum', x: [4, 3], inputs: [[1]] },
  { op: 'CumSum', x: [4, 3], inputs: [[2]], attributes: { reverse: 1, exclusive: 1 } },
  {
    op: 'Slice',
    x: [5, 6],
    inputs: [
      [4, 1],
      [-20, 6],
      [1, 2],
      [-1, 2],
    ],
  },
  { op: 'Slice', x: [5, 6], inputs: [[-4], [-1], [2]] },
  { op: 'Gather', x: [3, 4], inputs: [[2, 0, -1]], attributes: { axis: 2 } },
  { op: 'Trilu', x: [3, 4], inputs: [], attributes: { upper: 0 } },
  { op: 'Tile', x: [2, 3], inputs: [[1, 2, 3]] },
  { op: 'Einsum', x: [3, 4], inputs: [{ shape: [4, 2] }], attributes: { equation: 'bij,jk->bki' } },
  { op: 'Einsum', x: [3, 4], inputs: [{ shape: [3, 4, 2] }], attributes: { equation: 'bij,ijk->bk' } },
  { op: 'Einsum', x: [3, 4], attributes: { equation: 'bij->bj' } },
  ...[
    'ReduceL1',
    'ReduceL2',
    'ReduceLogSumExp',
    'ReduceMax',
    'ReduceMean',
    'ReduceMin',
    'ReduceSum',
    'ReduceSumSquare',
  ].map((op): OneNode => ({ op, x: [3, 4], inputs: [[2]], attributes: { keepdims: 0 } })),
  ...['Celu', 'Elu', 'HardSigmoid', 'HardSwish', 'LeakyRelu', 'Mish', 'Selu', 'Softplus', 'Softsign'].map(
    (op): OneNode => ({ op, x: [6] }),
  ),
  { op: 'Elu', x: [6], attributes: { alpha: { float: 0.5 } } },
  { op: 'Gelu', x: [6], attributes: { approximate: 'tanh' } },
  { op: 'PRelu', x: [3, 4], inputs: [{ shape: [3, 1] }] },
  ...[0, 2, 3, 65].map((exponent) => raisedTo(exponent, [0, 1, -1, 1.5, -0.5, 0])),
  ...[-1, -2].map((exponent) => raisedTo(exponent, [2, 1, -1, 1.5, -0.5, 3])),
  ...[0.5, 0.7, 1.5].map((exponent) => raisedTo(exponent, [0, 1, 2, 1.5, 0, 3])),
  { op: 'Max', x: [3, 4], inputs: [{ shape: [4] }, { shape: [3, 1] }] },
  { op: 'Softmax', x: [3, 4], attributes: { axis: 1 } },
];

const named = nodes.map((node, at) => [at, node.op, JSON.stringify(node.attributes ?? {}), node] as const);

test.each(named)('%i: %s %s is what ONNX Runtime makes of it', async (_at, _op, _attributes, node) => {
  const { found, made, expected } = await bothOf(node);
  expect(made).toEqual(expected?.shape);
  expect(relativeError(found, expected?.data as Float32Array)).toBeLessThan(1e-5);
});

test.each<[string, number, OneNode]>([
  [
    "a PRelu's slopes, equal as they begin",
    1,
    { op: 'PRelu', x: [3, 4], inputs: [{ shape: [3, 1], data: [1, 1, 1] }] },
  ],
  ["a norm's weights that are written out", 1, { op: 'Mul', x: [3, 4], inputs: [{ shape: [3, 1], data: [1, 1, 1] }] }],
  ['a factor', 0, { op: 'Mul', x: [3, 4], inputs: [{ shape: [1], data: [3] }] }],
  ['a table of zeros to be added', 0, { op: 'Add', x: [2, 2], inputs: [{ shape: [2, 2], data: [0, 0, 0, 0] }] }],
])('of constants that the exporter has named, %s: %i parameters', (_, count, node) => {
  expect(modelFromOnnx(fileOf(node, 'val_')).build(node.x).parameters).toHaveLength(count);
});

test('the logarithm of sums of nothing is minus infinity', async () => {
  const nothing = Number.NEGATIVE_INFINITY;
  const node = { op: 'ReduceLogSumExp', x: [3], data: [nothing, nothing, nothing, 1, nothing, nothing], inputs: [[1]] };
  const { found, expected } = await bothOf(node);
  expect([...found]).toEqual([nothing, 1]);
  expect(Array.from(expected?.data ?? [], Number)).toEqual([nothing, 1]);
});

test('a power has a gradient at 0 too', () => {
  const built = modelFromOnnx(fileOf(raisedTo(1.5, [0, 1, 4, 9]))).build([2]);
  const { values } = evaluateGraph([floats([2, 2], [0, 1, 4, 9])], (g, [x]) => {
    const input = x as NonNullable<typeof x>;
    const { output } = applied(built, g, input, new Map(), testContext(g, SAMPLES));
    return gradients(g.sum(output, [0, 1]), [input])[0] as typeof input;
  });
  const expected = [0, 1.5, 3, 4.5];
  expect(relativeError(values, Float32Array.from(expected))).toBeLessThan(1e-6);
});

async function bothOf(node: OneNode) {
  const bytes = fileOf(node);
  const shape = [SAMPLES, ...node.x];
  const random = testRandom(3);
  const data = Float32Array.from(node.data ?? Array.from({ length: elementCount(shape) }, () => 4 * random.next() - 2));
  const x: Tensor = { dtype: 'float32', shape, data };
  const expected = (await runOnnx(bytes, new Map([['x', x]]))).get('y');

  const built = modelFromOnnx(bytes).build(node.x);
  const names = built.parameters.map(({ name }) => name);
  const values = built.parameters.map(({ shape: own, initialize }) => floats(own, [...initialize(testRandom(1))]));
  const { values: found, shape: made } = evaluateGraph([floats(shape, [...data]), ...values], (g, [input, ...rest]) => {
    const params = new Map(names.map((name, at) => [name, rest[at] as (typeof rest)[number]]));
    return applied(built, g, input as (typeof rest)[number], params, testContext(g, SAMPLES)).output;
  });
  return { found, made, expected };
}
