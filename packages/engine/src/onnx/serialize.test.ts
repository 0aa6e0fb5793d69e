import { InferenceSession } from '@fedloom/onnxruntime';
import { expect, test } from 'vitest';
import { Graph } from '../graph/graph.js';
import { expectClose, randomTensor, seededRandom } from '../graph/testing/check-case.js';
import { interpret } from '../reference/interpret.js';
import type { Tensor } from '../tensor.js';
import { lower } from './lower.js';
import { toOnnx } from './serialize.js';
import { runGraph, runOnnx } from './testing/run-onnx.js';
import { convolutional, perceptron, type Recipe, trainFeeds, trainGraph } from './testing/train-graphs.js';

async function expectSame(graph: Graph, feeds: ReadonlyMap<string, Tensor>): Promise<void> {
  expectClose(await runGraph(graph, feeds), interpret(graph, feeds));
}

const random = seededRandom(9);
const x2: Tensor = randomTensor('float32', [2], random);

const recipes: readonly (readonly [string, Recipe])[] = [
  ['logistic regression', perceptron(12, 4)],
  ['a network of three layers', perceptron(12, 7, 5, 3)],
  ['a convolutional network', convolutional(8, [3, 4], 12, 3)],
  ['a convolutional network with remainders', convolutional(7, [3, 4], 10, 5)],
];

for (const [name, recipe] of recipes) {
  test(`training ${name} on ONNX Runtime agrees with the interpreter`, async () => {
    const graph = trainGraph(recipe);
    const feeds = trainFeeds(recipe, 4, 3);
    const actual = await runGraph(graph, feeds);
    expectClose(actual, interpret(graph, feeds));
    const unchanged = Object.keys(recipe.parameters).filter((parameter) => {
      const [before, after] = [feeds.get(parameter)!.data, actual.get(`new_${parameter}`)!.data];
      return before.every((element, index) => element === after[index]);
    });
    expect(unchanged).toEqual([]);
  });

  test(`the bytes of ${name} are the same for the same graph, and results repeat to the bit`, async () => {
    const [first, second] = [toOnnx(trainGraph(recipe)), toOnnx(trainGraph(recipe))];
    expect(second).toEqual(first);
    const feeds = trainFeeds(recipe, 4, 3);
    expect(await runOnnx(first, feeds)).toEqual(await runOnnx(first, feeds));
  });
}

test('the interface keeps names, order and symbols; unused inputs stay', async () => {
  const g = new Graph();
  const x = g.input('parameter/0.weight', 'float32', ['batch', 3]);
  g.input('unused', 'int64', ['n']);
  g.output('new/parameter/0.weight', g.exp(x));
  g.output('a', g.sum(x, [1]));
  const session = await InferenceSession.create(toOnnx(g));
  expect(session.inputNames).toEqual(['parameter/0.weight', 'unused']);
  expect(session.outputNames).toEqual(['new/parameter/0.weight', 'a']);
  expect(session.inputMetadata[0]).toMatchObject({ type: 'float32', shape: ['batch', 3] });
  await session.release();
});

test('names like those the writer makes do not collide', async () => {
  const g = new Graph();
  const v0 = g.input('v0', 'float32', [2]);
  const v2 = g.input('v2', 'float32', [2]);
  g.output('v1', g.exp(g.mul(v0, g.neg(v2))));
  await expectSame(
    g,
    new Map([
      ['v0', x2],
      ['v2', x2],
    ]),
  );
});

test('outputs may be inputs, constants, the same value twice', async () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2]);
  const y = g.exp(x);
  g.output('input', x);
  g.output('constant', g.constant([1, 2, 3], 'int64'));
  g.output('once', y);
  g.output('twice', y);
  g.output('used', g.neg(y));
  await expectSame(g, new Map([['x', x2]]));
});

test('a loop that counts is a Loop; one that takes a row a step is a Scan', () => {
  const opOf = (build: (g: Graph) => void): string | undefined => {
    const g = new Graph();
    build(g);
    return lower(g).nodes.find(({ body }) => body !== undefined)?.op;
  };
  const rows = (g: Graph) => g.input('rows', 'float32', ['steps', 2]);
  const start = (g: Graph) => g.input('start', 'float32', [2]);
  expect(
    opOf((g) => {
      const r = rows(g);
      g.loop(g.dim(r, 0), [start(g)], (body, step, [v]) => [body.add(v!, body.gather(r, step))]);
    }),
  ).toBe('Scan');
  // The step itself is used; another number of steps; a row of something made inside; no row at all.
  const others: ((g: Graph) => void)[] = [
    (g) => {
      const r = rows(g);
      g.loop(g.dim(r, 0), [start(g)], (body, step, [v]) => [
        body.add(body.add(v!, body.gather(r, step)), body.cast(step, 'float32')),
      ]);
    },
    (g) => {
      const r = rows(g);
      g.loop(g.constant(2, 'int64'), [start(g)], (body, step, [v]) => [body.add(v!, body.gather(r, step))]);
    },
    (g) => {
      const r = rows(g);
      g.loop(g.dim(r, 0), [start(g)], (body, step, [v]) => [body.add(v!, body.gather(body.mul(r, v!), step))]);
    },
    (g) => g.loop(g.dim(rows(g), 0), [start(g)], (body, _, [v]) => [body.exp(v!)]),
  ];
  expect(others.map(opOf)).toEqual(['Loop', 'Loop', 'Loop', 'Loop']);
});

test('loops use outer values, pass values through, and end with what they were given', async () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2]);
  const outer = g.input('outer', 'float32', [2]);
  const derived = g.exp(outer);
  const count = g.input('count', 'int64', []);
  const { carried, collected } = g.loopCollecting(count, [x, x, x, x], (body, step, [a, b, c, d]) => ({
    carried: [body.add(a!, derived), c!, b!, body.mul(d!, outer)],
    collected: [a!, step, outer, a!, body.constant(1, 'float32')],
  }));
  for (const [index, value] of carried.entries()) g.output(`carried${index}`, value);
  for (const [index, value] of collected.entries()) g.output(`collected${index}`, value);
  const feeds = (steps: number) =>
    new Map<string, Tensor>([
      ['x', x2],
      ['outer', randomTensor('float32', [2], seededRandom(4))],
      ['count', { dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(steps)) }],
    ]);
  await expectSame(g, feeds(3));
  await expectSame(g, feeds(1));
  await expectSame(g, feeds(0));
});

test('loops in loops use values of every level', async () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2]);
  const rows = g.input('rows', 'float32', ['steps', 2]);
  const [result] = g.loop(g.dim(rows, 0), [x], (outer, step, [a]) => {
    const row = outer.gather(rows, step);
    const factor = outer.exp(outer.neg(a!));
    return outer.loop(outer.constant(2, 'int64'), [row], (inner, turn, [b]) => [
      inner.add(inner.mul(b!, factor), inner.mul(inner.cast(turn, 'float32'), inner.mul(x, row))),
    ]);
  });
  g.output('result', result!);
  await expectSame(
    g,
    new Map([
      ['x', x2],
      ['rows', randomTensor('float32', [3, 2], random)],
    ]),
  );
});

test('two loops that look alike stay two', async () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2]);
  const count = g.constant(2, 'int64');
  const [a] = g.loop(count, [x], (body, _, [value]) => [body.exp(body.neg(value!))]);
  const [b] = g.loop(count, [x], (body, _, [value]) => [body.sqrt(body.abs(value!))]);
  g.output('sum', g.add(a!, b!));
  await expectSame(g, new Map([['x', x2]]));
});

test('constants of every type arrive', async () => {
  const g = new Graph();
  g.output('float32', g.constant([1.5, -2], 'float32'));
  g.output('float64', g.constant([[1], [2]].flat(), 'float64', [2, 1]));
  g.output('int32', g.constant([-(2 ** 31), 7], 'int32'));
  g.output('int64', g.constant(new BigInt64Array([2n ** 40n]), 'int64'));
  g.output('uint8', g.constant([255], 'uint8'));
  g.output('bool', g.constant([1, 0], 'bool'));
  await expectSame(g, new Map());
});
