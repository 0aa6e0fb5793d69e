import { expect, test } from 'vitest';
import { Graph } from '../graph.js';
import { type Case, checkCases } from '../testing/check-case.js';

const small = (x: number) => Math.floor(x * 3);

checkCases('comparisons, select and cast', [
  ...(['equal', 'greater', 'greaterOrEqual'] as const).map(
    (operation): Case => ({
      name: operation,
      inputs: { a: { shape: [4, 5], element: small }, b: { shape: [5], element: small } },
      differentiable: false,
      build: (g, { a, b }) => g[operation](a!, b!),
    }),
  ),
  {
    name: 'select between broadcast branches',
    inputs: { condition: { shape: ['batch', 1] }, a: { shape: ['batch', 3] }, b: { shape: [3] } },
    extents: { batch: 4 },
    build: (g, { condition, a, b }) => g.select(g.greater(condition!, 0), a!, b!),
  },
  {
    name: 'select with a number',
    inputs: { a: { shape: [6] } },
    build: (g, { a }) => g.select(g.greater(a!, 0.3), g.square(a!), -1),
  },
  ...(['uint8', 'int32', 'int64'] as const).map(
    (dtype): Case => ({
      name: `cast ${dtype} to float32 and on`,
      inputs: { labels: { shape: [5], dtype, element: (x) => x * 200 }, x: { shape: [5] } },
      build: (g, { labels, x }) => g.mul(g.cast(labels!, 'float32'), x!),
    }),
  ),
  {
    name: 'cast to integers truncates',
    inputs: { x: { shape: [9], element: (x) => x * 8 - 4 } },
    differentiable: false,
    build: (g, { x }) => g.cast(x!, 'int32'),
  },
  {
    name: 'cast to bool and back',
    inputs: { x: { shape: [9], element: small } },
    differentiable: false,
    build: (g, { x }) => g.cast(g.cast(x!, 'bool'), 'float32'),
  },
  {
    name: 'cast through float64 keeps the gradient',
    inputs: { x: { shape: [3] } },
    build: (g, { x }) => g.cast(g.square(g.cast(x!, 'float64')), 'float32'),
  },
]);

test('operands of different types are refused', () => {
  const g = new Graph();
  const a = g.input('a', 'int32', [2]);
  const b = g.input('b', 'float32', [2]);
  expect(() => g.equal(a, b)).toThrow(/equal needs operands of one dtype.*int32 \[2\] and float32 \[2\]/);
  expect(() => g.select(b, b, b)).toThrow(/select needs a bool condition/);
});
