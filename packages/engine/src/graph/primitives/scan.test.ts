import { expect, test } from 'vitest';
import { gradients } from '../gradients.js';
import { Graph } from '../graph.js';
import { checkCases } from '../testing/check-case.js';
import type { ScanAttributes, Value } from '../value.js';

/** tanh(row W + state U + b), as a cell of torch.nn.RNN. */
function cell(g: Graph, row: Value, state: Value, { w, u, b }: Readonly<Record<string, Value>>): Value {
  return g.tanh(g.add(g.add(g.matmul(row, w!), g.matmul(state, u!, { transposeB: true })), b!));
}

const recurrent = {
  x: { shape: [4, 'batch', 3] },
  state: { shape: ['batch', 2] },
  w: { shape: [3, 2] },
  u: { shape: [2, 2] },
  b: { shape: [2] },
};

checkCases('scan', [
  {
    name: 'a recurrent cell, by its last state',
    inputs: recurrent,
    extents: { batch: 2 },
    build: (g, { x, state, ...weights }) =>
      g.scan([x!], [state!], (body, [row], [before]) => ({
        carried: [cell(body, row!, before!, weights)],
        collected: [],
      })).carried[0]!,
  },
  {
    name: 'a recurrent cell, by all of its states, backwards',
    inputs: recurrent,
    extents: { batch: 2 },
    build(g, { x, state, ...weights }) {
      const { collected, carried } = g.scan(
        [x!],
        [state!],
        (body, [row], [before]) => {
          const next = cell(body, row!, before!, weights);
          return { carried: [next], collected: [next] };
        },
        { reverse: true },
      );
      return g.add(g.mul(collected[0]!, 2), carried[0]!);
    },
  },
  {
    name: 'symbolic steps',
    inputs: { ...recurrent, x: { shape: ['steps', 'batch', 3] } },
    extents: { batch: 2, steps: 3 },
    build: (g, { x, state, ...weights }) =>
      g.scan([x!], [state!], (body, [row], [before]) => {
        const next = cell(body, row!, before!, weights);
        return { carried: [next], collected: [next] };
      }).collected[0]!,
  },
  {
    name: 'what is used in other ways than by a product is summed along the way',
    inputs: { x: { shape: [5, 3] }, scale: { shape: [3] }, state: { shape: [3] } },
    build: (g, { x, scale, state }) =>
      g.scan([x!], [state!], (body, [row], [before]) => {
        const next = body.mul(body.add(before!, row!), body.exp(scale!));
        return { carried: [next], collected: [body.mul(next, next)] };
      }).collected[0]!,
  },
  {
    name: 'carried values that change places, and one that stays',
    inputs: { x: { shape: [3, 2] }, a: { shape: [2] }, b: { shape: [2] }, c: { shape: [2] } },
    build(g, { x, a, b, c }) {
      const { carried } = g.scan([x!], [a!, b!, c!], (body, [row], [p, q, r]) => ({
        carried: [q!, body.mul(p!, row!), r!],
        collected: [],
      }));
      return g.add(g.mul(carried[0]!, carried[2]!), carried[1]!);
    },
  },
  {
    name: 'a sum without rows of its own',
    inputs: { x: { shape: [3, 2] }, a: { shape: [2] }, w: { shape: [2] } },
    build: (g, { x, a, w }) =>
      g.scan([x!], [a!], (body, _, [sum]) => ({ carried: [body.add(sum!, w!)], collected: [] })).carried[0]!,
  },
  {
    name: 'a scan within a scan',
    inputs: { x: { shape: [3, 4, 2] }, a: { shape: [2] }, w: { shape: [2] } },
    build: (g, { x, a, w }) =>
      g.scan([x!], [a!], (outer, [matrix], [state]) => {
        const { carried, collected } = outer.scan([matrix!], [state!], (body, [row], [before]) => {
          const next = body.tanh(body.mul(body.add(before!, row!), body.mul(w!, state!)));
          return { carried: [next], collected: [body.mul(next, row!)] };
        });
        return { carried: [carried[0]!], collected: [outer.sum(collected[0]!, [0])] };
      }).collected[0]!,
  },
  {
    name: 'rows and results that only pass',
    inputs: { x: { shape: [3, 2] }, a: { shape: [2] }, w: { shape: [2] } },
    build(g, { x, a, w }) {
      const { carried, collected } = g.scan([x!], [a!], (body, [row], [state]) => ({
        carried: [row!],
        collected: [state!, w!, body.mul(row!, row!)],
      }));
      return g.add(g.add(g.sum(g.add(collected[0]!, collected[1]!), [0]), carried[0]!), g.sum(collected[2]!, [0]));
    },
  },
  {
    name: 'integers among the rows and in what is carried',
    inputs: {
      rows: { shape: [4], dtype: 'int64', element: (random) => random * 3 - 0.5 },
      table: { shape: [3, 2] },
      a: { shape: [2] },
    },
    build(g, { rows, table, a }) {
      const { carried } = g.scan([rows!], [a!, g.constant(1, 'int64')], (body, [row], [state, count]) => ({
        carried: [
          body.tanh(body.add(body.mul(state!, body.cast(count!, 'float32')), body.gather(table!, row!))),
          body.add(count!, 1),
        ],
        collected: [],
      }));
      return carried[0]!;
    },
  },
  {
    name: 'the gradient of a gradient',
    inputs: { x: { shape: [3, 2] }, a: { shape: [2] } },
    build(g, { x, a }) {
      const { carried } = g.scan([x!], [a!], (body, [row], [state]) => ({
        carried: [body.tanh(body.mul(state!, row!))],
        collected: [],
      }));
      return gradients(carried[0]!, [a!])[0]!;
    },
  },
]);

test('says what does not fit', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [3, 2]);
  const y = g.input('y', 'float32', [4, 2]);
  const state = g.input('state', 'float32', [2]);
  const keep = (_: Graph, __: readonly Value[], carried: readonly Value[]) => ({ carried, collected: [] });
  expect(() => g.scan([], [state], keep)).toThrow(/scan needs rows/);
  expect(() => g.scan([x, y], [state], keep)).toThrow(/scan needs rows of the same first extent/);
  expect(() => g.scan([x], [state], () => ({ carried: [], collected: [] }))).toThrow(
    /carries 1 values, but its body returns 0/,
  );
  expect(() => g.scan([x], [state], (body, [row]) => ({ carried: [body.sum(row!, [0])], collected: [] }))).toThrow(
    /carried value 0, but its body turns float32 \[2\] into float32 \[\]/,
  );
});

test('weights that only products use get their gradient in one product over all steps', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [80, 10, 3]);
  const state = g.input('state', 'float32', [10, 2]);
  const weights = {
    w: g.input('w', 'float32', [3, 2]),
    u: g.input('u', 'float32', [2, 2]),
    b: g.input('b', 'float32', [2]),
  };
  const { carried } = g.scan([x], [state], (body, [row], [before]) => ({
    carried: [cell(body, row!, before!, weights)],
    collected: [],
  }));
  const found = gradients(carried[0]!, Object.values(weights));
  for (const [index, gradient] of found.entries()) g.output(`d${index}`, gradient);
  const products = g.nodes.filter(({ primitive }) => primitive.name === 'matmul');
  expect(products.map(({ inputs }) => inputs.map(({ shape }) => shape))).toEqual(
    expect.arrayContaining([
      [
        [800, 3],
        [800, 2],
      ],
      [
        [800, 2],
        [800, 2],
      ],
    ]),
  );
  const back = g.nodes.filter(({ primitive }) => primitive.name === 'scan').at(-1)!;
  const { carriedIn } = back.attributes as ScanAttributes;
  expect(carriedIn.map(({ shape }) => shape)).toEqual([[10, 2]]);
});
