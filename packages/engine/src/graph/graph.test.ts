import { expect, test } from 'vitest';
import { FedloomError } from '../errors.js';
import { interpret } from '../reference/interpret.js';
import { Graph } from './graph.js';

function refusal(action: () => unknown): FedloomError {
  try {
    action();
  } catch (error) {
    if (error instanceof FedloomError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

test('shape errors name nested scopes, the operation and both shapes, also as fields', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 784]);
  const b = g.input('b', 'float32', [200]);
  const error = refusal(() => g.scope('model', () => g.scope('0.dense(200)', () => g.add(x, b))));
  expect(error.code).toBe('graph.shape');
  expect(error.message).toBe(
    'in model/0.dense(200): add cannot broadcast these shapes (given float32 [batch, 784] and float32 [200])',
  );
  expect(error.fields).toEqual({ scope: 'model/0.dense(200)', operation: 'add', shapes: [['batch', 784], [200]] });
});

test('a scope ends with its function, also by an error', () => {
  const g = new Graph();
  expect(() =>
    g.scope('a', () => {
      throw new Error('x');
    }),
  ).toThrow('x');
  expect(g.currentScope).toBe('');
  const x = g.input('x', 'float32', [1]);
  expect(g.scope('b', () => g.exp(x)).node.scope).toBe('b');
  expect(g.exp(x).node.scope).toBe('');
});

test('types must agree', () => {
  const g = new Graph();
  const error = refusal(() => g.add(g.input('x', 'float32', [1]), g.input('y', 'int32', [1])));
  expect(error.code).toBe('graph.dtype');
  expect(refusal(() => g.add(1, 2)).message).toMatch(/both operands are numbers/);
});

test('names of inputs and outputs are unique', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [1]);
  expect(refusal(() => g.input('x', 'float32', [2])).code).toBe('graph.name');
  g.output('y', x);
  expect(refusal(() => g.output('y', x)).code).toBe('graph.name');
});

test('constants are checked against their shape and type', () => {
  const g = new Graph();
  expect(g.constant(1, 'float32').shape).toEqual([]);
  expect(g.constant([1, 2], 'int64').shape).toEqual([2]);
  expect(refusal(() => g.constant([1, 2], 'float32', [3])).message).toMatch(/shape \[3\] needs 3 elements, not 2/);
  expect(refusal(() => g.constant(new Float64Array(1), 'float32')).message).toMatch(
    /lies in a Float32Array, not a Float64Array/,
  );
  expect(refusal(() => g.constant(1, 'float16')).code).toBe('graph.dtype');
});

test('what changes nothing adds no node', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 3]);
  const same = [
    g.cast(x, 'float32'),
    g.reshape(x, ['batch', 3]),
    g.expand(x, ['batch', 3]),
    g.sum(x, []),
    g.pad(x, 1, 0, 0),
    g.concat([x], 1),
  ];
  expect(same.every((value) => value === x)).toBe(true);
});

test("a loop's inner values cannot be used outside it, and its body builds in its own graph", () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2]);
  let inner = x;
  g.loop(g.constant(2, 'int64'), [x], (body, _, [value]) => {
    inner = body.exp(value!);
    return [inner];
  });
  expect(refusal(() => g.exp(inner)).code).toBe('graph.scope');
  expect(refusal(() => g.output('inner', inner)).code).toBe('graph.scope');
  const wrongBuilder = () => g.loop(g.constant(2, 'int64'), [x], (_, __, [value]) => [g.exp(value!)]);
  expect(refusal(wrongBuilder).message).toMatch(/inside a loop's body the body's own graph must build/);
});

test('a loop keeps the types of what it carries', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2]);
  const count = g.constant(2, 'int64');
  const error = refusal(() => g.loop(count, [x], (body, _, [value]) => [body.reshape(value!, [2, 1])]));
  expect(error.message).toMatch(/carried value 0, but its body turns float32 \[2\] into float32 \[2, 1\]/);
  expect(refusal(() => g.loop(count, [x], () => [])).message).toMatch(/carries 1 values, but its body returns 0/);
  expect(refusal(() => g.loop(x, [x], (_, __, values) => values)).message).toMatch(
    /needs an int64 scalar as its count/,
  );
});

test('what a loop collects has the extent of its count', () => {
  const g = new Graph();
  const order = g.input('order', 'int64', ['steps', 'batch']);
  const x = g.input('x', 'float32', [2]);
  const run = (count: typeof x) =>
    g.loopCollecting(count, [x], (body, _, [value]) => ({ carried: [body.exp(value!)], collected: [value!] }));
  expect(run(g.dim(order, 0)).collected[0]?.shape).toEqual(['steps', 2]);
  expect(run(g.constant(3, 'int64')).collected[0]?.shape).toEqual([3, 2]);
});

test('inputs are required, and must fit', () => {
  const g = new Graph();
  g.output('y', g.exp(g.input('x', 'float32', ['n', 2])));
  expect(refusal(() => interpret(g, new Map())).message).toMatch(/no value was given for the graph's input 'x'/);
  const wrong = new Map([['x', { dtype: 'float32' as const, shape: [2, 3], data: new Float32Array(6) }]]);
  expect(refusal(() => interpret(g, wrong)).code).toBe('graph.feed');
});
