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

checkCases('stacks of matrices', [
  ...[false, true].flatMap((transposeA) =>
    [false, true].map(
      (transposeB): Case => ({
        name: `transposeA ${transposeA}, transposeB ${transposeB}`,
        inputs: {
          a: { shape: transposeA ? ['batch', 2, 3, 4] : ['batch', 2, 4, 3] },
          b: { shape: transposeB ? ['batch', 2, 5, 3] : ['batch', 2, 3, 5] },
        },
        extents: { batch: 3 },
        build: (g, { a, b }) => g.matmul(a!, b!, { transposeA, transposeB }),
      }),
    ),
  ),
  {
    name: 'axes before the matrices broadcast',
    inputs: { a: { shape: ['batch', 1, 2, 3] }, b: { shape: [4, 3, 2] } },
    extents: { batch: 2 },
    build: (g, { a, b }) => g.matmul(a!, b!),
  },
  {
    name: 'one matrix by many',
    inputs: { a: { shape: [2, 3] }, b: { shape: ['batch', 3, 2] } },
    extents: { batch: 3 },
    build: (g, { a, b }) => g.matmul(a!, b!),
  },
  {
    name: 'many by one matrix',
    inputs: { a: { shape: ['batch', 2, 2, 3] }, b: { shape: [4, 3] } },
    extents: { batch: 3 },
    build: (g, { a, b }) => g.matmul(a!, b!, { transposeB: true }),
  },
  {
    name: 'many, transposed, by one matrix',
    inputs: { a: { shape: ['batch', 3, 2] }, b: { shape: [3, 4] } },
    extents: { batch: 3 },
    build: (g, { a, b }) => g.matmul(a!, b!, { transposeA: true }),
  },
]);

test('many by one matrix are one product of all rows', () => {
  const g = new Graph();
  const product = g.matmul(g.input('a', 'float32', ['batch', 80, 8]), g.input('b', 'float32', [8, 4]));
  expect(product.shape).toEqual(['batch', 80, 4]);
  expect(product.node.inputs[0]?.shape).toEqual(['batch*80', 4]);
});

test('stacks that do not go together are refused with both shapes', () => {
  const g = new Graph();
  const a = g.input('a', 'float32', ['batch', 2, 3]);
  expect(() => g.matmul(a, g.input('b', 'float32', [4, 3, 2]))).toThrow(
    /matmul cannot broadcast the axes before the last two .*\[batch, 2, 3\] and float32 \[4, 3, 2\]/,
  );
  expect(() => g.matmul(a, g.input('v', 'float32', [3]))).toThrow(/matmul takes matrices/);
});
