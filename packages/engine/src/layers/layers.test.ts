import { describe, expect, test } from 'vitest';
import { Graph } from '../graph/graph.js';
import { evaluateGraph, floats } from '../testing/evaluate.js';
import { applied, appliedTo as apply, testContext } from '../testing/layer-context.js';
import { testRandom } from '../testing/random.js';
import { averagePool2d, globalAveragePool2d } from './average-pool2d.js';
import { conv2d } from './conv2d.js';
import { defineLayer } from './define.js';
import { dense } from './dense.js';
import { embedding, embeddingBag } from './embedding.js';
import { maxPool2d } from './max-pool2d.js';
import { relu } from './relu.js';
import { sequential } from './sequential.js';
import { flatten, reshape } from './shape-layers.js';
import { sigmoid } from './sigmoid.js';
import { tanh } from './tanh.js';
import type { Layer } from './types.js';

const shapesOf = (layer: Layer, inputShape: readonly number[]) =>
  layer.build(inputShape).parameters.map(({ name, shape }) => [name, shape]);

describe('dense', () => {
  test('y = x W^T + b', () => {
    const x = floats([2, 3], [1, 2, 3, 4, 5, 6]);
    const weight = floats([2, 3], [1, 0, 0, 0, 1, 1]);
    expect(apply(dense(2), x, [weight, floats([2], [10, 20])])).toEqual([11, 25, 14, 31]);
    expect(apply(dense(2, { bias: false }), x, [weight])).toEqual([1, 5, 4, 11]);
  });

  test('parameters as in torch.nn.Linear', () => {
    expect(shapesOf(dense(2), [3])).toEqual([
      ['weight', [2, 3]],
      ['bias', [2]],
    ]);
    expect(shapesOf(dense(2, { bias: false }), [3])).toEqual([['weight', [2, 3]]]);
  });

  test('initial values fill (-1/sqrt(inputs), 1/sqrt(inputs)), weight before bias', () => {
    const [weight, bias] = dense(50).build([400]).parameters;
    const values = weight!.initialize(testRandom(3));
    expect(values.length).toBe(20000);
    const largest = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    expect(largest).toBeLessThanOrEqual(1 / 20);
    expect(largest).toBeGreaterThan(0.99 / 20);
    expect(Math.abs(values.reduce((a, b) => a + b, 0) / values.length)).toBeLessThan(1e-3);
    expect(bias!.initialize(testRandom(3))).toEqual(values.slice(0, 50));
  });
});

describe('conv2d', () => {
  const image = floats([1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const corners = floats([1, 1, 2, 2], [1, 0, 0, 1]);

  test('cross-correlation with a bias', () => {
    expect(apply(conv2d(1, { kernel: 2 }), image, [corners, floats([1], [100])])).toEqual([106, 108, 112, 114]);
  });

  test('same padding puts the odd zero at the bottom and the right', () => {
    const layer = conv2d(1, { kernel: 2, padding: 'same', bias: false });
    expect(apply(layer, image, [corners])).toEqual([6, 8, 3, 12, 14, 6, 7, 8, 9]);
  });

  test('padding by number and stride', () => {
    const layer = conv2d(1, { kernel: 2, stride: 2, padding: 1, bias: false });
    expect(apply(layer, image, [corners])).toEqual([1, 3, 7, 14]);
  });

  test.each([
    [28, 5, 1, 'same', 28],
    [28, 5, 1, 'valid', 24],
    [28, 3, 2, 'same', 14],
    [7, 3, 2, 1, 4],
    [8, 3, 3, 0, 2],
  ] as const)('%i wide, kernel %i, stride %i, padding %s: %i', (width, kernel, stride, padding, expected) => {
    const layer = conv2d(4, { kernel, stride, padding });
    expect(layer.build([2, width, width]).outputShape).toEqual([4, expected, expected]);
  });

  test('parameters as in torch.nn.Conv2d', () => {
    expect(shapesOf(conv2d(4, { kernel: [3, 5] }), [2, 9, 9])).toEqual([
      ['weight', [4, 2, 3, 5]],
      ['bias', [4]],
    ]);
  });
});

test('maxPool2d leaves out the last partial window', () => {
  const x = floats([1, 1, 3, 5], [1, 9, 2, 3, 7, 4, 5, 8, 6, 7, 0, 0, 0, 0, 7]);
  expect(apply(maxPool2d({ kernel: 2 }), x)).toEqual([9, 8]);
  expect(apply(maxPool2d({ kernel: 2, stride: 1 }), x)).toEqual([9, 9, 8, 7, 5, 8, 8, 7]);
});

test('averagePool2d leaves out the last partial window', () => {
  const x = floats([1, 1, 3, 5], [1, 9, 2, 3, 7, 4, 6, 8, 7, 7, 0, 0, 0, 0, 7]);
  expect(apply(averagePool2d({ kernel: 2 }), x)).toEqual([5, 5]);
  expect(apply(averagePool2d({ kernel: [3, 1], stride: 2 }), x)).toEqual([5 / 3, 10 / 3, 7]);
});

test('globalAveragePool2d is the mean of each channel', () => {
  const x = floats([1, 2, 2, 2], [1, 2, 3, 6, 0, 0, 0, 4]);
  expect(apply(globalAveragePool2d(), x)).toEqual([3, 1]);
});

test('sigmoid and tanh', () => {
  const x = floats([1, 2], [0, 1]);
  expect(apply(sigmoid(), x)).toEqual([0.5, 1 / (1 + Math.exp(-1))]);
  expect(apply(tanh(), x)).toEqual([0, Math.tanh(1)]);
});

describe('embeddings', () => {
  const table = floats([4, 2], [0, 100, 1, 10, 2, 20, 3, 30]);
  const texts = { dtype: 'int32', shape: [3, 3], data: Int32Array.of(1, 2, 3, 2, 0, 0, 0, 0, 0) } as const;

  test('embedding takes a row for each token', () => {
    const expected = [1, 10, 2, 20, 3, 30, 2, 20, 0, 100, 0, 100, 0, 100, 0, 100, 0, 100];
    expect(apply(embedding(4, 2), texts, [table])).toEqual(expected);
    expect(embedding(4, 2).build([3]).outputShape).toEqual([3, 2]);
    expect(embedding(4, 2).build([]).outputShape).toEqual([2]);
  });

  test('tokens may come as floats, as bytes and lists do', () => {
    const floatTexts = floats([3, 3], [...texts.data]);
    expect(apply(embedding(4, 2), floatTexts, [table])).toEqual(apply(embedding(4, 2), texts, [table]));
    expect(apply(embeddingBag(4, 2), floatTexts, [table])).toEqual(apply(embeddingBag(4, 2), texts, [table]));
  });

  test('embeddingBag is the mean over the tokens', () => {
    const bag = apply(embeddingBag(4, 2), texts, [table]);
    expect(bag.map((value) => Number(value.toFixed(6)))).toEqual([2, 20, 0.666667, 73.333333, 0, 100]);
  });

  test('padding counts in no mean, and alone gives zeros', () => {
    const bag = apply(embeddingBag(4, 2, { padding: 0 }), texts, [table]);
    expect(bag.map((value) => Number(value.toFixed(6)))).toEqual([2, 20, 2, 20, 0, 0]);
  });

  test('parameters as in torch.nn.Embedding, with mean 0 and variance 1', () => {
    expect(shapesOf(embedding(4, 2), [3])).toEqual([['weight', [4, 2]]]);
    expect(shapesOf(embeddingBag(4, 2), [3])).toEqual([['weight', [4, 2]]]);
    const values = embedding(1000, 20).build([1]).parameters[0]!.initialize(testRandom(3));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.03);
  });
});

test('relu, flatten and reshape', () => {
  const x = floats([1, 2, 2], [-1, 2, -3, 4]);
  expect(apply(relu(), x)).toEqual([0, 2, 0, 4]);
  expect(flatten().build([2, 2]).outputShape).toEqual([4]);
  expect(apply(flatten(), x)).toEqual([-1, 2, -3, 4]);
  expect(apply(reshape([4, 1, 1]), x)).toEqual([-1, 2, -3, 4]);
});

describe('sequential', () => {
  test('names parameters by position, counting every layer', () => {
    const model = sequential([flatten(), dense(4), relu(), dense(2, { bias: false })]).build([2, 3]);
    expect(model.parameters.map(({ name, shape }) => [name, shape])).toEqual([
      ['1.weight', [4, 6]],
      ['1.bias', [4]],
      ['3.weight', [2, 4]],
    ]);
    expect(model.outputShape).toEqual([2]);
  });

  test('hands each layer its own parameters', () => {
    const model = sequential([dense(1), relu(), dense(1)]).build([1]);
    const parameters = [floats([1, 1], [2]), floats([1], [1]), floats([1, 1], [10]), floats([1], [0.5])];
    const { values } = evaluateGraph([floats([2, 1], [1, -3]), ...parameters], (g, [x, ...rest]) => {
      const params = new Map(model.parameters.map(({ name }, index) => [name, rest[index]!]));
      return applied(model, g, x!, params, testContext(g, 2)).output;
    });
    expect(values).toEqual([30.5, 0.5]);
  });

  test.each([
    ['dense on single numbers', [dense(4)], [], /0:dense\(4\).*\[\.\.\., inputs\].*\[\].*one dimension/],
    [
      'conv2d without channels',
      [conv2d(4, { kernel: 3 })],
      [28, 28],
      /0:conv2d\(4\).*\[channels, height, width\].*\[28, 28\].*reshape\(\[1, 28, 28\]\)/,
    ],
    ['conv2d too large', [conv2d(4, { kernel: 9 })], [1, 5, 5], /conv2d\(4\).*at least 9.*\[1, 5, 5\]/],
    ['a pool of a row', [flatten(), maxPool2d({ kernel: 2 })], [4, 4], /1:maxPool2d.*\[16\]/],
    ['a pool too large', [maxPool2d({ kernel: 5 })], [1, 4, 4], /at least 5.*\[1, 4, 4\]/],
    ['an average of images without channels', [averagePool2d({ kernel: 2 })], [4, 4], /reshape\(\[1, 4, 4\]\)/],
    ['a mean of a row', [flatten(), globalAveragePool2d()], [4, 4], /1:globalAveragePool2d.*\[16\]/],
    ['a bag of images', [embeddingBag(9, 2)], [4, 4], /embeddingBag\(9, 2\).*\[tokens\].*\[4, 4\]/],
    ['a reshape that loses pixels', [reshape([1, 28, 28])], [27, 28], /reshape\(\[1, 28, 28\]\).*784.*\[27, 28\].*756/],
  ] as const)('refuses %s, naming the layer and both shapes', (_, layers, inputShape, message) => {
    expect(() => sequential(layers).build(inputShape)).toThrow(expect.objectContaining({ code: 'layer.shape' }));
    expect(() => sequential(layers).build(inputShape)).toThrow(message);
  });

  test('a graph error inside a user’s layer names the layer and the shapes', () => {
    const wrong = defineLayer({
      kind: 'wrong',
      build: (inputShape) => ({
        outputShape: inputShape,
        parameters: [],
        apply: (g, x) => g.add(x, g.constant([1, 2], 'float32')),
      }),
    });
    const model = sequential([relu(), wrong]).build([3]);
    const g = new Graph();
    const x = g.input('x', 'float32', ['batch', 3]);
    expect(() => model.apply(g, x, new Map(), testContext(g, 2))).toThrow(/1:wrong.*\[batch, 3\].*\[2\]/);
  });
});

test.each([
  () => dense(0),
  () => dense(1.5),
  () => conv2d(2, { kernel: 0 }),
  () => conv2d(2, { kernel: 3, padding: -1 }),
  () => maxPool2d({ kernel: [2, 0] }),
  () => reshape([2, -1]),
  () => averagePool2d({ kernel: 0 }),
  () => embedding(0, 2),
  () => embeddingBag(3, 1.5),
  () => embeddingBag(3, 2, { padding: 3 }),
  () => sequential([]),
])('refuses settings that are no sizes: %s', (make) => {
  expect(make).toThrow(expect.objectContaining({ code: 'layer.option' }));
});
