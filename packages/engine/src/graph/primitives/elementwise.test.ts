import { expect, test } from 'vitest';
import { interpret } from '../../reference/interpret.js';
import type { Tensor } from '../../tensor.js';
import { gradients } from '../gradients.js';
import { Graph } from '../graph.js';
import { type Case, checkCases } from '../testing/check-case.js';
import type { Dim } from '../value-type.js';

const awayFromZero = (x: number) => (x < 0.5 ? x - 1.5 : x + 0.5);
const pairs: readonly (readonly [readonly Dim[], readonly Dim[]])[] = [
  [
    [3, 4],
    [3, 4],
  ],
  [
    [2, 1, 4],
    [3, 1],
  ],
  [[], [2, 3]],
  [['batch', 4], [4]],
  [[4], ['batch', 1]],
  [
    ['batch', 'n', 2],
    ['n', 1],
  ],
];
const binary = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum'] as const;
const extents = { batch: 3, n: 2 };

checkCases(
  'elementwise operations with two operands',
  binary.flatMap((operation) =>
    pairs.map(
      ([a, b]): Case => ({
        name: `${operation} [${a}] [${b}]`,
        inputs: { a: { shape: a }, b: { shape: b, element: awayFromZero } },
        extents,
        build: (g, values) => g[operation](values.a!, values.b!),
      }),
    ),
  ),
);

checkCases('numbers as operands', [
  {
    name: 'on either side',
    inputs: { x: { shape: [3], element: awayFromZero } },
    build: (g, { x }) => g.sub(2, g.div(g.mul(3, x!), g.add(g.square(x!), 0.5))),
  },
]);

test('integers stay integers: division truncates towards zero', async () => {
  const g = new Graph();
  const a = g.input('a', 'int64', [4]);
  g.output('quotient', g.div(a, 2));
  const feeds = new Map<string, Tensor>([
    ['a', { dtype: 'int64', shape: [4], data: BigInt64Array.of(5n, -5n, 4n, -1n) }],
  ]);
  expect(interpret(g, feeds).get('quotient')?.data).toEqual(BigInt64Array.of(2n, -2n, 2n, 0n));
});

test('at equal operands maximum gives each half of the gradient', () => {
  const g = new Graph();
  const a = g.input('a', 'float32', [2]);
  const b = g.input('b', 'float32', [2]);
  const [da, db] = gradients(g.maximum(a, b), [a, b]);
  g.output('da', da!);
  g.output('db', db!);
  const feeds = new Map<string, Tensor>([
    ['a', { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) }],
    ['b', { dtype: 'float32', shape: [2], data: Float32Array.of(1, 3) }],
  ]);
  const results = interpret(g, feeds);
  expect([results.get('da')?.data, results.get('db')?.data]).toEqual([
    Float64Array.of(0.5, 0),
    Float64Array.of(0.5, 1),
  ]);
});
