import { expect, test } from 'vitest';
import { Graph } from '../graph.js';
import { type Case, checkCases } from '../testing/check-case.js';

const extents = { n: 5, batch: 4, steps: 3 };
// From -1, which is the last row, to 4, and with repetitions.
const rowNumber = (x: number) => Math.floor(x * 6) - 1;

checkCases('gather, scatterAdd and oneHot', [
  ...(['int32', 'int64'] as const).flatMap((dtype): Case[] => [
    {
      name: `gather by ${dtype}`,
      inputs: { x: { shape: ['n', 3] }, rows: { shape: ['batch'], dtype, element: rowNumber } },
      extents,
      build: (g, { x, rows }) => g.square(g.gather(x!, rows!)),
    },
    {
      name: `gather by ${dtype} [steps, batch]`,
      inputs: { x: { shape: ['n', 2, 2] }, rows: { shape: ['steps', 'batch'], dtype, element: rowNumber } },
      extents,
      build: (g, { x, rows }) => g.square(g.gather(x!, rows!)),
    },
    {
      name: `gather by a scalar ${dtype}`,
      inputs: { x: { shape: [5, 3] }, row: { shape: [], dtype, element: rowNumber } },
      build: (g, { x, row }) => g.square(g.gather(x!, row!)),
    },
    {
      name: `scatterAdd by ${dtype}`,
      inputs: { x: { shape: ['batch', 3] }, rows: { shape: ['batch'], dtype, element: rowNumber } },
      extents,
      build: (g, { x, rows }) => g.square(g.scatterAdd(x!, rows!, 5)),
    },
    {
      name: `oneHot of ${dtype}, padding included`,
      inputs: { labels: { shape: ['batch'], dtype, element: rowNumber } },
      extents,
      differentiable: false,
      build: (g, { labels }) => g.oneHot(labels!, 4),
    },
  ]),
]);

test('indices must be integers, and rows there', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2, 3]);
  expect(() => g.gather(x, x)).toThrow(/gather needs int32 or int64 indices/);
  expect(() => g.gather(g.input('s', 'float32', []), g.input('i', 'int64', []))).toThrow(
    /cannot take rows of a scalar/,
  );
  expect(() => g.scatterAdd(x, g.input('j', 'int64', [3]), 4)).toThrow(/one row of updates for each index/);
});
