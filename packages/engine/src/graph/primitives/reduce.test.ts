import { expect, test } from 'vitest';
import { interpret } from '../../reference/interpret.js';
import type { Tensor } from '../../tensor.js';
import { gradients } from '../gradients.js';
import { Graph } from '../graph.js';
import { type Case, checkCases } from '../testing/check-case.js';

const axesLists = [[0], [1], [-1], [0, 2], [0, 1, 2], [-2, 0]];

checkCases(
  'reductions',
  (['sum', 'mean', 'max'] as const).flatMap((operation) =>
    axesLists.flatMap((axes) =>
      [false, true].map(
        (keepDims): Case => ({
          name: `${operation} over [${axes}]${keepDims ? ', kept' : ''}`,
          inputs: { x: { shape: ['batch', 2, 4] } },
          extents: { batch: 3 },
          build: (g, { x }) => g[operation](x!, axes, keepDims),
        }),
      ),
    ),
  ),
);

checkCases('argMax', [
  ...[0, 1, -1].map(
    (axis): Case => ({
      name: `along ${axis}, with ties`,
      inputs: { x: { shape: ['batch', 5], element: (x) => Math.floor(x * 4) } },
      extents: { batch: 6 },
      differentiable: false,
      build: (g, { x }) => g.argMax(x!, axis),
    }),
  ),
]);

test('equal maxima share the gradient', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [4]);
  g.output('d', gradients(g.max(x, [0]), [x])[0]!);
  const feeds = new Map<string, Tensor>([['x', { dtype: 'float32', shape: [4], data: Float32Array.of(3, 1, 3, 0) }]]);
  expect(interpret(g, feeds).get('d')?.data).toEqual(Float64Array.of(0.5, 0, 0.5, 0));
});

test('axes that are not there, or twice, are refused', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2, 3]);
  expect(() => g.sum(x, [2])).toThrow(/sum has no axis 2/);
  expect(() => g.sum(x, [1, -1])).toThrow(/sum names an axis twice/);
});

checkCases('standardize', [
  {
    name: 'over the last axis',
    inputs: { x: { shape: ['batch', 5] } },
    extents: { batch: 3 },
    build: (g, { x }) => g.standardize(x!, [-1], 0.01),
  },
  {
    name: 'over several axes',
    inputs: { x: { shape: [2, 3, 'batch', 2] } },
    extents: { batch: 3 },
    build: (g, { x }) => g.standardize(x!, [1, 3], 0.1),
  },
  {
    name: 'the gradient of its gradient',
    inputs: { x: { shape: [2, 5] } },
    build: (g, { x }) => gradients(g.mul(g.standardize(x!, [1], 0.01), g.tanh(x!)), [x!])[0]!,
  },
]);
