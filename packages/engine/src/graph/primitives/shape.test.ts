import { expect, test } from 'vitest';
import { Graph } from '../graph.js';
import { checkCases } from '../testing/check-case.js';
import type { Value } from '../value.js';

const extents = { batch: 3, n: 2 };

checkCases('shapes', [
  {
    name: 'reshape with a symbol',
    inputs: { x: { shape: ['batch', 2, 3] } },
    extents,
    build: (g, { x }) => g.square(g.reshape(x!, ['batch', 6])),
  },
  {
    name: 'reshape that merges a symbol with a number',
    inputs: { x: { shape: ['batch', 2, 3] } },
    extents,
    build: (g, { x }) => g.square(g.reshape(x!, ['rows', 3])),
  },
  {
    name: 'reshape of two symbols',
    inputs: { x: { shape: ['batch', 'n', 4] } },
    extents,
    build: (g, { x }) => g.square(g.reshape(x!, ['batch', 'n', 2, 2])),
  },
  {
    name: 'reshape of two symbols into one, and its gradient back',
    inputs: { x: { shape: ['batch', 'n', 4] } },
    extents,
    build: (g, { x }) => g.square(g.reshape(x!, ['batch*n', 4])),
  },
  {
    name: 'transpose',
    inputs: { x: { shape: ['batch', 2, 4] } },
    extents,
    build: (g, { x }) => g.square(g.transpose(x!, [2, 0, 1])),
  },
  {
    name: 'transposes in a row',
    inputs: { x: { shape: [2, 3, 4] } },
    build: (g, { x }) => g.square(g.transpose(g.transpose(x!, [2, 0, 1]), [0, 2, 1])),
  },
  {
    name: 'transpose of axes of extent 1',
    inputs: { x: { shape: ['batch', 1, 4] } },
    extents,
    build: (g, { x }) => g.square(g.transpose(x!, [1, 0, 2])),
  },
  {
    name: 'expand to symbols',
    inputs: { x: { shape: [4] }, like: { shape: ['batch', 'n', 1] } },
    extents,
    build: (g, { x, like }) => g.mul(g.square(g.expand(x!, ['batch', 'n', 4])), like!),
  },
  {
    name: 'expand that stays',
    inputs: { x: { shape: ['batch', 1] }, y: { shape: [3, 1] } },
    extents,
    build: (g, { x, y }) => g.matmul(g.expand(x!, ['batch', 3]), y!),
  },
  ...[
    [1, 3],
    [0, -1],
    [-3, 4],
  ].map(([start, end]) => ({
    name: `slice [${start}, ${end})`,
    inputs: { x: { shape: ['batch', 4, 2] } },
    extents,
    build: (g: Graph, { x }: Readonly<Record<string, Value>>) => g.square(g.slice(x!, 1, start!, end!)),
  })),
  {
    name: 'slice on the last axis, counted from the end',
    inputs: { x: { shape: [2, 5] } },
    build: (g, { x }) => g.square(g.slice(x!, -1, 1, 4)),
  },
  {
    name: 'pad',
    inputs: { x: { shape: ['batch', 2, 3] } },
    extents,
    build: (g, { x }) => g.square(g.pad(x!, 1, 1, 2)),
  },
  {
    name: 'concat',
    inputs: { x: { shape: ['batch', 2] }, y: { shape: ['batch', 3] } },
    extents,
    build: (g, { x, y }) => g.square(g.concat([x!, y!, x!], 1)),
  },
  {
    name: 'split',
    inputs: { x: { shape: ['batch', 6] } },
    extents: { batch: 2 },
    build(g, { x }) {
      const [a, , c] = g.split(x!, -1, [2, 1, 3]);
      return g.concat([g.tanh(c!), g.square(a!)], 1);
    },
  },
]);

test('reshapes that cannot be are refused, naming scope and shapes', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 4, 3]);
  expect(() => g.scope('1.flatten', () => g.reshape(x, ['batch', 13]))).toThrow(
    /in 1\.flatten: reshape cannot make \[batch, 13\] .*\(given float32 \[batch, 4, 3\]\)/,
  );
  expect(() => g.reshape(x, [12])).toThrow(/cannot make \[12\]/);
  expect(() => g.reshape(x, ['n', 'm'])).toThrow(/reshape has the extent 'n' in \[n, m\], which no value/);
  expect(() => g.reshape(g.constant([1, 2], 'float32'), ['batch'])).toThrow(/cannot make \[batch\]/);
});

test('broadcasts that cannot be are refused', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 4]);
  const y = g.input('y', 'float32', ['n', 4]);
  expect(() => g.add(x, y)).toThrow(
    /add cannot broadcast these shapes \(given float32 \[batch, 4\] and float32 \[n, 4\]\)/,
  );
  expect(() => g.expand(x, [4])).toThrow(/expand cannot broadcast to \[4\]/);
  expect(() => g.expand(x, ['m', 'batch', 4])).toThrow(/extent 'm' .* which no value made so far has/);
});

test('axes of symbolic extent cannot be cut or joined', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 4]);
  expect(() => g.slice(x, 0, 0, 2)).toThrow(/slice needs a fixed extent at axis 0, not 'batch'/);
  expect(() => g.concat([x, x], 0)).toThrow(/concat needs a fixed extent/);
  expect(() => g.slice(x, 1, 2, 7)).toThrow(/cannot take \[2, 7\) of axis 1, whose extent is 4/);
  expect(() => g.split(x, 1, [1, 2])).toThrow(/cannot be cut into parts of \[1, 2\] along axis 1/);
});
