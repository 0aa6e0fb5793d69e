import { expect, test } from 'vitest';
import { runGraph } from '../onnx/testing/run-onnx.js';
import { interpret } from '../reference/interpret.js';
import type { Tensor } from '../tensor.js';
import { gradients } from './gradients.js';
import { Graph } from './graph.js';
import { checkCases, expectClose, randomTensor, seededRandom } from './testing/check-case.js';

checkCases('gradients of whole models', [
  {
    name: 'a network of two layers, every value used',
    inputs: {
      x: { shape: ['batch', 4] },
      w0: { shape: [5, 4] },
      b0: { shape: [5] },
      w1: { shape: [3, 5] },
      b1: { shape: [3] },
    },
    extents: { batch: 3 },
    build(g, { x, w0, b0, w1, b1 }) {
      const hidden = g.relu(g.add(g.matmul(x!, w0!, { transposeB: true }), b0!));
      const logits = g.add(g.matmul(hidden, w1!, { transposeB: true }), b1!);
      return g.mean(g.logSoftmax(logits), [0, 1]);
    },
  },
  {
    name: 'a convolutional network',
    inputs: {
      x: { shape: ['batch', 1, 7, 7] },
      w0: { shape: [2, 1, 3, 3] },
      b0: { shape: [2, 1, 1] },
      w1: { shape: [3, 18] },
    },
    extents: { batch: 2 },
    build(g, { x, w0, b0, w1 }) {
      const convolved = g.add(g.conv2d(x!, w0!, { strides: [1, 1], padding: [1, 1, 1, 1] }), b0!);
      const pooled = g.maxPool2d(g.relu(convolved), { kernel: [2, 2], strides: [2, 2] });
      return g.sum(g.square(g.matmul(g.reshape(pooled, ['batch', 18]), w1!, { transposeB: true })), [1]);
    },
  },
  {
    name: 'a value used on several ways',
    inputs: { x: { shape: [3] } },
    build: (g, { x }) => g.add(g.mul(x!, g.exp(x!)), g.sub(x!, g.square(x!))),
  },
]);

test('a value that the output does not depend on has gradient zero, of its symbolic shape', async () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 2]);
  const other = g.input('other', 'float32', ['batch', 3]);
  const [dx, dother] = gradients(g.exp(x), [x, other]);
  g.output('dx', dx!);
  g.output('dother', dother!);
  const random = seededRandom(1);
  const feeds = new Map<string, Tensor>([
    ['x', randomTensor('float32', [4, 2], random)],
    ['other', randomTensor('float32', [4, 3], random)],
  ]);
  const expected = interpret(g, feeds);
  expect(expected.get('dother')).toEqual({ dtype: 'float64', shape: [4, 3], data: new Float64Array(12) });
  expectClose(await runGraph(g, feeds), expected);
});

test('what is not asked for costs no nodes', () => {
  const count = (wrt: 'w' | 'x'): number => {
    const g = new Graph();
    const values = { x: g.input('x', 'float32', [2, 3]), w: g.input('w', 'float32', [3, 4]) };
    const y = g.matmul(g.exp(values.x), values.w);
    const before = g.nodes.length;
    gradients(y, [values[wrt]]);
    return g.nodes.length - before;
  };
  // Seed, its expansion, and one product; the way to x has one node more.
  expect([count('w'), count('x')]).toEqual([3, 4]);
});

test('gradients are of floats', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2]);
  const labels = g.input('labels', 'int32', [2]);
  expect(() => gradients(labels, [x])).toThrow(/not of int32 \[2\]/);
  expect(() => gradients(x, [x], g.constant(1, 'float64'))).toThrow(/the seed is float64/);
});

test('there is no gradient through a loop, but inside one', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2]);
  const [y] = g.loop(g.constant(3, 'int64'), [x], (body, _, [value]) => [body.exp(value!)]);
  expect(() => gradients(y!, [x])).toThrow(/no gradient through a loop/);
});

test('an integer on the way ends the gradient', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2]);
  const [dx] = gradients(g.mul(g.cast(g.cast(x, 'int32'), 'float32'), x), [x]);
  g.output('dx', dx!);
  const feeds = new Map<string, Tensor>([['x', { dtype: 'float32', shape: [2], data: Float32Array.of(2.5, -1.5) }]]);
  expect(interpret(g, feeds).get('dx')?.data).toEqual(Float64Array.of(2, -1));
});
