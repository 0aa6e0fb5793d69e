import { expect, test } from 'vitest';
import { interpret } from '../../reference/interpret.js';
import type { Tensor } from '../../tensor.js';
import { Graph } from '../graph.js';
import { checkCases } from '../testing/check-case.js';

const extents = { batch: 3, steps: 2 };

checkCases('softmax', [
  {
    name: 'softmax',
    inputs: { x: { shape: ['batch', 4] } },
    extents,
    build: (g, { x }) => g.softmax(x!),
  },
  {
    name: 'logSoftmax',
    inputs: { x: { shape: ['steps', 'batch', 4] } },
    extents,
    build: (g, { x }) => g.logSoftmax(x!),
  },
  {
    // The target is made to sum to 1: there the short gradient is the true one.
    name: 'softmaxCrossEntropy',
    inputs: { logits: { shape: ['batch', 4] }, raw: { shape: ['batch', 4] } },
    extents,
    build: (g, { logits, raw }) => g.softmaxCrossEntropy(logits!, g.softmax(raw!)),
  },
  {
    name: 'softmaxCrossEntropy of labels, over several leading axes',
    inputs: {
      logits: { shape: ['steps', 'batch', 4] },
      labels: { shape: ['steps', 'batch'], dtype: 'int32', element: (x) => Math.floor(x * 4) },
    },
    extents,
    build: (g, { logits, labels }) => g.softmaxCrossEntropy(logits!, g.oneHot(labels!, 4)),
  },
]);

test('large logits do not overflow', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [3]);
  g.output('y', g.logSoftmax(x));
  const feeds = new Map<string, Tensor>([['x', { dtype: 'float32', shape: [3], data: Float32Array.of(1e4, 0, -1e4) }]]);
  expect(interpret(g, feeds).get('y')?.data).toEqual(Float64Array.of(0, -1e4, -2e4));
});

test('a padded row (zeros) has loss 0', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [1, 3]);
  g.output('y', g.softmaxCrossEntropy(x, g.oneHot(g.constant([-1], 'int32'), 3)));
  const feeds = new Map<string, Tensor>([['x', { dtype: 'float32', shape: [1, 3], data: Float32Array.of(1, 2, 3) }]]);
  expect(interpret(g, feeds).get('y')?.data).toEqual(Float64Array.of(0));
});

test('logits and target must have one shape', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 10]);
  const y = g.input('y', 'float32', ['batch', 9]);
  expect(() => g.softmaxCrossEntropy(x, y)).toThrow(
    /one shape \[\.\.\., classes\] \(given float32 \[batch, 10\] and float32 \[batch, 9\]\)/,
  );
});
