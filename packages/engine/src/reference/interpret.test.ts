import { expect, test } from 'vitest';
import { Graph } from '../graph/graph.js';
import type { Tensor } from '../tensor.js';
import { interpret } from './interpret.js';

const float32 = (...values: number[]): Tensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});

test('floats are computed in float64 whatever they are declared, other types keep theirs', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['n']);
  g.output('tiny', g.sub(g.add(x, 1e-12), x));
  g.output('label', g.argMax(x, 0));
  g.output('positive', g.greater(x, 0));
  const results = interpret(g, new Map([['x', float32(1, 2, -3)]]));
  expect(results.get('tiny')?.dtype).toBe('float64');
  expect(results.get('tiny')?.data[0]).toBeCloseTo(1e-12, 15);
  expect(results.get('label')).toEqual({ dtype: 'int64', shape: [], data: BigInt64Array.of(1n) });
  expect(results.get('positive')).toEqual({ dtype: 'bool', shape: [3], data: Uint8Array.of(1, 1, 0) });
});

test('constants of float32 keep their float32 values', () => {
  const g = new Graph();
  g.output('y', g.constant(0.1, 'float32'));
  expect(interpret(g, new Map()).get('y')?.data).toEqual(Float64Array.of(Math.fround(0.1)));
});

test('a matrix product and a sum, by hand', () => {
  const g = new Graph();
  const a = g.constant([1, 2, 3, 4, 5, 6], 'float32', [2, 3]);
  g.output('product', g.matmul(a, a, { transposeB: true }));
  g.output('sums', g.sum(a, [0]));
  const results = interpret(g, new Map());
  expect(results.get('product')).toEqual({ dtype: 'float64', shape: [2, 2], data: Float64Array.of(14, 32, 32, 77) });
  expect(results.get('sums')?.data).toEqual(Float64Array.of(5, 7, 9));
});

test('a convolution and its pool, by hand', () => {
  const g = new Graph();
  const x = g.constant([1, 2, 3, 4, 5, 6, 7, 8, 9], 'float32', [1, 1, 3, 3]);
  const w = g.constant([1, 0, 0, -1], 'float32', [1, 1, 2, 2]);
  const y = g.conv2d(x, w, { strides: [1, 1], padding: [0, 0, 1, 1] });
  g.output('convolved', y);
  g.output('pooled', g.maxPool2d(y, { kernel: [2, 2], strides: [2, 2] }));
  const results = interpret(g, new Map());
  expect([...results.get('convolved')!.data]).toEqual([-4, -4, 3, -4, -4, 6, 7, 8, 9]);
  expect([...results.get('pooled')!.data]).toEqual([-4]);
});

test('a loop sums the rows that an order names', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['n']);
  const order = g.input('order', 'int64', ['steps']);
  const { carried, collected } = g.loopCollecting(
    g.dim(order, 0),
    [g.constant(0, 'float32')],
    (body, step, [total]) => {
      const next = body.add(total!, body.gather(x, body.gather(order, step)));
      return { carried: [next], collected: [next] };
    },
  );
  g.output('total', carried[0]!);
  g.output('history', collected[0]!);
  const order3: Tensor = { dtype: 'int64', shape: [3], data: BigInt64Array.of(2n, 0n, -1n) };
  const results = interpret(
    g,
    new Map([
      ['x', float32(10, 20, 30)],
      ['order', order3],
    ]),
  );
  expect(results.get('total')?.data).toEqual(Float64Array.of(70));
  expect(results.get('history')).toEqual({ dtype: 'float64', shape: [3], data: Float64Array.of(30, 40, 70) });
});

test('one symbol stands for one extent', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['n']);
  const y = g.input('y', 'float32', ['n']);
  g.output('sum', g.add(x, y));
  const feeds = new Map([
    ['x', float32(1, 2)],
    ['y', float32(1)],
  ]);
  expect(() => interpret(g, feeds)).toThrow(/input gave a value of shape \[1\] where \[n\] is declared/);
});

test('feeds of another type are refused, half floats are read', () => {
  const g = new Graph();
  g.output('y', g.cast(g.input('x', 'float16', [2]), 'float32'));
  const halves: Tensor = { dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0xc000) };
  expect(interpret(g, new Map([['x', halves]])).get('y')?.data).toEqual(Float64Array.of(1, -2));
  const integers: Tensor = { dtype: 'int32', shape: [2], data: Int32Array.of(1, 2) };
  expect(() => interpret(g, new Map([['x', integers]]))).toThrow(/input 'x' is float16, but was given int32/);
});

test('a chain of a hundred thousand nodes needs no deep stack', () => {
  const g = new Graph();
  let x = g.input('x', 'float32', []);
  for (let index = 0; index < 100_000; index++) x = g.neg(x);
  g.output('y', x);
  const feeds = new Map<string, Tensor>([['x', { dtype: 'float32', shape: [], data: Float32Array.of(3) }]]);
  expect(interpret(g, feeds).get('y')?.data).toEqual(Float64Array.of(3));
});
