import { expect, test } from 'vitest';
import { Graph } from '../graph.js';
import { type Case, checkCases } from '../testing/check-case.js';

checkCases(
  'matmul',
  [false, true].flatMap((transposeA) =>
    [false, true].map(
      (transposeB): Case => ({
        name: `transposeA ${transposeA}, transposeB ${transposeB}`,
        inputs: {
          a: { shape: transposeA ? [3, 'batch'] : ['batch', 3] },
          b: { shape: transposeB ? [2, 3] : [3, 2] },
        },
        extents: { batch: 4 },
        build: (g, { a, b }) => g.matmul(a!, b!, { transposeA, transposeB }),
      }),
    ),
  ),
);

checkCases('products of products', [
  {
    name: 'a matrix with itself',
    inputs: { a: { shape: [3, 'batch'] } },
    extents: { batch: 4 },
    build: (g, { a }) => g.matmul(a!, a!, { transposeB: true }),
  },
  {
    name: 'gradient of a gradient',
    inputs: { a: { shape: [2, 3] }, b: { shape: [3, 2] } },
    build: (g, { a, b }) => g.matmul(g.matmul(a!, b!), g.matmul(a!, b!), { transposeA: true }),
  },
]);

test('inner extents that differ are named with both shapes, also symbolic ones', () => {
  const g = new Graph();
  const a = g.input('a', 'float32', ['batch', 784]);
  const b = g.input('b', 'float32', [200, 100]);
  expect(() => g.scope('0.dense(200)', () => g.matmul(a, b, { transposeB: true }))).toThrow(
    /in 0\.dense\(200\): matmul .*the second transposed: inner extents 784 and 100 differ.*\[batch, 784\] and float32 \[200, 100\]/,
  );
  expect(() => g.matmul(a, a)).toThrow(/inner extents 784 and batch differ/);
});
