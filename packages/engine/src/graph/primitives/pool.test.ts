import { expect, test } from 'vitest';
import { runGraph } from '../../onnx/testing/run-onnx.js';
import { interpret } from '../../reference/interpret.js';
import type { Tensor } from '../../tensor.js';
import { gradients } from '../gradients.js';
import { Graph } from '../graph.js';
import type { Pool2dOptions } from '../image-options.js';
import { type Case, checkCases, expectClose, randomTensor, seededRandom } from '../testing/check-case.js';
import { add } from './elementwise.js';
import { relu } from './unary.js';

const pools: readonly (readonly [readonly [number, number], Pool2dOptions])[] = [
  [[4, 6], { kernel: [2, 2], strides: [2, 2] }],
  [[5, 7], { kernel: [2, 2], strides: [2, 2] }],
  [[7, 5], { kernel: [3, 2], strides: [3, 2] }],
  [[7, 7], { kernel: [2, 2], strides: [3, 3] }],
  [[5, 6], { kernel: [3, 3], strides: [2, 2] }],
  [[4, 4], { kernel: [2, 3], strides: [1, 1] }],
  [[3, 3], { kernel: [3, 3], strides: [1, 2] }],
];

checkCases(
  'maxPool2d',
  pools.map(
    ([size, options]): Case => ({
      name: `images [${size}], kernel [${options.kernel}], strides [${options.strides}]`,
      inputs: { x: { shape: ['batch', 2, ...size] } },
      extents: { batch: 2 },
      build: (g, { x }) => g.maxPool2d(x!, options),
    }),
  ),
);

const pool: Pool2dOptions = { kernel: [2, 2], strides: [2, 2] };

checkCases('bias and relu before a pool', [
  {
    name: 'give the same gradients as after it',
    inputs: { x: { shape: ['batch', 2, 5, 4] }, b: { shape: [2] } },
    extents: { batch: 2 },
    build: (g, { x, b }) => g.maxPool2d(g.relu(g.add(x!, g.reshape(b!, [2, 1, 1]))), pool),
  },
  {
    name: 'a bias a pixel stays before it',
    inputs: { x: { shape: ['batch', 2, 5, 4] }, b: { shape: [2, 1, 4] } },
    extents: { batch: 2 },
    build: (g, { x, b }) => g.maxPool2d(g.add(x!, b!), pool),
  },
]);

test('the gradient of a pool has a gradient', async () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 1, 5, 5]);
  const y = g.maxPool2d(x, { kernel: [3, 3], strides: [2, 2] });
  const [first] = gradients(g.square(y), [x]);
  g.output('second', gradients(g.square(first!), [x])[0]!);
  const feeds = new Map<string, Tensor>([['x', randomTensor('float32', [2, 1, 5, 5], seededRandom(5))]]);
  expectClose(await runGraph(g, feeds), interpret(g, feeds));
});

test('bias and relu move behind the pool', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 2, 4, 4]);
  const b = g.input('b', 'float32', [2, 1, 1]);
  const y = g.maxPool2d(g.relu(g.add(x, b)), pool);
  expect(y.node.primitive).toBe(relu);
  expect(y.node.inputs[0]?.node.primitive).toBe(add);
});

test('of equal maxima the first takes the gradient, in ONNX Runtime too', async () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [1, 1, 2, 4]);
  g.output('d', gradients(g.maxPool2d(x, pool), [x])[0]!);
  const feeds = new Map<string, Tensor>([
    ['x', { dtype: 'float32', shape: [1, 1, 2, 4], data: Float32Array.of(1, 1, 0, 2, 1, 1, 2, 2) }],
  ]);
  const expected = [1, 0, 0, 1, 0, 0, 0, 0];
  expect([...interpret(g, feeds).get('d')!.data]).toEqual(expected);
  expect([...(await runGraph(g, feeds)).get('d')!.data]).toEqual(expected);
});

test('windows larger than the image are refused', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 1, 2, 4]);
  expect(() => g.maxPool2d(x, { kernel: [3, 3], strides: [1, 1] })).toThrow(/windows \[3, 3\] larger than the image/);
});
