import { expect, test } from 'vitest';
import { runGraph } from '../../onnx/testing/run-onnx.js';
import { interpret } from '../../reference/interpret.js';
import type { Tensor } from '../../tensor.js';
import { gradients } from '../gradients.js';
import { Graph } from '../graph.js';
import { type Case, checkCases } from '../testing/check-case.js';

const positive = (x: number) => x + 0.2;

checkCases('elementwise operations with one operand', [
  ...(['neg', 'exp', 'abs', 'relu', 'sign', 'square', 'sigmoid', 'tanh', 'erf', 'gelu'] as const).map(
    (operation): Case => ({
      name: operation,
      inputs: { x: { shape: ['batch', 5] } },
      extents: { batch: 2 },
      build: (g, { x }) => g[operation](x!),
    }),
  ),
  ...(['log', 'sqrt'] as const).map(
    (operation): Case => ({
      name: operation,
      inputs: { x: { shape: [6], element: positive } },
      build: (g, { x }) => g[operation](x!),
    }),
  ),
  {
    name: 'the gradient of the gradient of gelu',
    inputs: { x: { shape: [7] } },
    build: (g, { x }) => gradients(g.gelu(x!), [x!])[0]!,
  },
  {
    name: 'the gradient of the gradient of relu',
    inputs: { x: { shape: [7] }, d: { shape: [7] } },
    build: (g, { x, d }) => g.mul(g.reluGradient(d!, g.relu(x!)), x!),
  },
]);

test('relu passes no gradient at 0 and all of it at a small positive value', async () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [4]);
  g.output('d', gradients(g.relu(x), [x])[0]!);
  const feeds = new Map<string, Tensor>([
    ['x', { dtype: 'float32', shape: [4], data: Float32Array.of(0, -0, 1e-20, -1e-20) }],
  ]);
  expect(interpret(g, feeds).get('d')?.data).toEqual(Float64Array.of(0, 0, 1, 0));
  expect((await runGraph(g, feeds)).get('d')?.data).toEqual(Float32Array.of(0, 0, 1, 0));
});

test('sigmoid and tanh of large numbers are finite, as are their gradients', async () => {
  for (const operation of ['sigmoid', 'tanh'] as const) {
    const g = new Graph();
    const x = g.input('x', 'float32', [3]);
    const y = g[operation](x);
    g.output('y', y);
    g.output('d', gradients(y, [x])[0]!);
    const feeds = new Map<string, Tensor>([
      ['x', { dtype: 'float32', shape: [3], data: Float32Array.of(-1e4, 0, 1e4) }],
    ]);
    const middle = operation === 'sigmoid' ? [0, 0.5, 1] : [-1, 0, 1];
    for (const results of [interpret(g, feeds), await runGraph(g, feeds)]) {
      expect([...results.get('y')!.data]).toEqual(middle);
      expect([...results.get('d')!.data]).toEqual([0, operation === 'sigmoid' ? 0.25 : 1, 0]);
    }
  }
});

test('functions of floats refuse integers', () => {
  const g = new Graph();
  const x = g.input('x', 'int32', [2]);
  expect(() => g.scope('head', () => g.exp(x))).toThrow(/in head: exp takes floats only.*int32 \[2\]/);
});
