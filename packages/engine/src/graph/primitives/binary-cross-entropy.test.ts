import { expect, test } from 'vitest';
import { runGraph } from '../../onnx/testing/run-onnx.js';
import { interpret } from '../../reference/interpret.js';
import type { Tensor } from '../../tensor.js';
import { gradients } from '../gradients.js';
import { Graph } from '../graph.js';
import { checkCases } from '../testing/check-case.js';

checkCases('binaryCrossEntropy', [
  {
    name: 'by logits and targets',
    inputs: { x: { shape: ['batch', 3], element: (random) => random * 8 - 4 }, t: { shape: ['batch', 3] } },
    extents: { batch: 4 },
    build: (g, { x, t }) => g.binaryCrossEntropy(x!, t!),
  },
]);

test('at 0 the gradient is 1/2 - target, and nothing overflows far from it', async () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [5]);
  const t = g.input('t', 'float32', [5]);
  const y = g.binaryCrossEntropy(x, t);
  g.output('y', y);
  g.output('d', gradients(y, [x])[0]!);
  const floats = (...values: number[]): Tensor => ({ dtype: 'float32', shape: [5], data: Float32Array.from(values) });
  const feeds = new Map([
    ['x', floats(0, 0, 1000, -1000, 1000)],
    ['t', floats(0, 1, 1, 1, 0)],
  ]);
  for (const results of [interpret(g, feeds), await runGraph(g, feeds)]) {
    const [atZero, , right, wrong, alsoWrong] = results.get('y')!.data as Float64Array;
    expect(atZero).toBeCloseTo(Math.LN2, 6);
    expect([right, wrong, alsoWrong]).toEqual([0, 1000, 1000]);
    expect([...results.get('d')!.data]).toEqual([0.5, -0.5, 0, -1, 1]);
  }
});

test('logits and targets have one shape', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 1]);
  expect(() => g.binaryCrossEntropy(x, g.input('t', 'float32', ['batch']))).toThrow(
    /one shape.*\[batch, 1\].*\[batch\]/,
  );
  expect(() => g.binaryCrossEntropy(x, g.input('u', 'int32', ['batch', 1]))).toThrow(/floats of one dtype/);
});
