import { expect, test } from 'vitest';
import { runGraph } from '../../onnx/testing/run-onnx.js';
import { interpret } from '../../reference/interpret.js';
import type { Tensor } from '../../tensor.js';
import { gradients } from '../gradients.js';
import { Graph } from '../graph.js';
import type { Pool2dOptions } from '../image-options.js';
import { type Case, checkCases, expectClose, randomTensor, seededRandom } from '../testing/check-case.js';

const pools: readonly (readonly [readonly [number, number], Pool2dOptions])[] = [
  [[4, 6], { kernel: [2, 2], strides: [2, 2] }],
  [[5, 7], { kernel: [2, 2], strides: [2, 2] }],
  [[7, 7], { kernel: [2, 2], strides: [3, 3] }],
  [[5, 6], { kernel: [3, 3], strides: [2, 2] }],
  [[4, 4], { kernel: [2, 3], strides: [1, 1] }],
];

checkCases(
  'averagePool2d',
  pools.map(
    ([size, options]): Case => ({
      name: `images [${size}], kernel [${options.kernel}], strides [${options.strides}]`,
      inputs: { x: { shape: ['batch', 2, ...size] } },
      extents: { batch: 2 },
      build: (g, { x }) => g.averagePool2d(x!, options),
    }),
  ),
);

test('the gradient of an average pool has a gradient', async () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 2, 5, 5]);
  const y = g.averagePool2d(x, { kernel: [3, 3], strides: [2, 2] });
  const [first] = gradients(g.square(y), [x]);
  g.output('second', gradients(g.square(first!), [x])[0]!);
  const feeds = new Map<string, Tensor>([['x', randomTensor('float32', [2, 2, 5, 5], seededRandom(5))]]);
  expectClose(await runGraph(g, feeds), interpret(g, feeds));
});

test('windows larger than the image, and what is no image, are refused', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 1, 2, 4]);
  expect(() => g.averagePool2d(x, { kernel: [3, 3], strides: [1, 1] })).toThrow(
    /windows \[3, 3\] larger than the image/,
  );
  expect(() => g.averagePool2d(g.input('y', 'float32', ['batch', 4]), { kernel: [1, 1], strides: [1, 1] })).toThrow(
    /takes images/,
  );
});
