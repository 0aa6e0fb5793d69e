import { expect, test } from 'vitest';
import type { Tensor } from '../tensor.js';
import { evaluateGraph, floats } from '../testing/evaluate.js';
import { testRandom } from '../testing/random.js';
import { auc } from './auc.js';
import { defineMetric } from './define.js';
import { r2 } from './r2.js';
import type { LossContext, Metric } from './types.js';

/** What is reported of all samples together. */
function reported(metric: Metric, context: LossContext, prediction: Tensor, target: Tensor): number {
  const { shape, values } = evaluateGraph([prediction, target], (g, [x, y]) => metric.perSample(g, x!, y!, context));
  const size = metric.size!(context);
  const samples = prediction.shape[0]!;
  expect(shape).toEqual([samples, size]);
  const sums = new Array<number>(size).fill(0);
  for (const [at, value] of values.entries()) sums[at % size]! += value;
  return metric.value!(sums.map((sum) => sum / samples));
}

/** 1 - the residual sum of squares / the total sum of squares. */
function determination(prediction: readonly number[], y: readonly number[]): number {
  const mean = y.reduce((sum, value) => sum + value, 0) / y.length;
  const squares = (differences: readonly number[]) => differences.reduce((sum, value) => sum + value * value, 0);
  return 1 - squares(prediction.map((value, i) => value - y[i]!)) / squares(y.map((value) => value - mean));
}

const single: LossContext = { predictionShape: [1], targetShape: [1] };
const column = (values: readonly number[]) => floats([values.length, 1], values);

test.each([0, 1000])('r2 is 1 - residual / total squares, of targets around %d', (offset) => {
  const random = testRandom(4);
  const y = Array.from({ length: 50 }, () => Math.fround(offset + random.next()));
  const prediction = y.map((value) => Math.fround(value + 0.3 * (random.next() - 0.5)));
  expect(reported(r2(), single, column(prediction), column(y))).toBeCloseTo(determination(prediction, y), 5);
});

test('r2 of several outputs is the mean of theirs; of equal targets it is nothing', () => {
  const y = [0, 5, 1, 6, 2, 10];
  const prediction = [0.5, 5, 1, 7, 2, 9];
  const even = (values: readonly number[]) => values.filter((_, i) => i % 2 === 0);
  const odd = (values: readonly number[]) => values.filter((_, i) => i % 2 === 1);
  const expected = (determination(even(prediction), even(y)) + determination(odd(prediction), odd(y))) / 2;
  const context = { predictionShape: [2], targetShape: [2] };
  expect(reported(r2(), context, floats([3, 2], prediction), floats([3, 2], y))).toBeCloseTo(expected, 6);
  expect(reported(r2(), single, column([1, 2]), column([3, 3]))).toBeNaN();
});

test('auc is how often a one lies above a zero, bin by bin', () => {
  const bins = 20;
  const random = testRandom(5);
  const logits = Array.from({ length: 80 }, () => Math.fround(6 * random.next() - 3));
  const labels = logits.map((logit) => (random.next() < 1 / (1 + Math.exp(-logit)) ? 1 : 0));
  const bin = (at: number) => Math.min(bins - 1, Math.trunc(bins / (1 + Math.exp(-logits[at]!))));
  const of = (label: number) => labels.flatMap((one, at) => (one === label ? [bin(at)] : []));
  const pairs = of(1).flatMap((one) => of(0).map((zero) => (one > zero ? 1 : one === zero ? 0.5 : 0)));
  const expected = pairs.reduce((sum: number, one) => sum + one, 0) / pairs.length;
  const target: Tensor = { dtype: 'int32', shape: [80], data: Int32Array.from(labels) };
  const oneOutput: LossContext = { predictionShape: [1], targetShape: [], classes: 2 };
  expect(reported(auc({ bins }), oneOutput, column(logits), target)).toBeCloseTo(expected, 12);
  const two = floats(
    [80, 2],
    logits.flatMap((logit) => [1, logit + 1]),
  );
  expect(reported(auc({ bins }), { ...oneOutput, predictionShape: [2] }, two, target)).toBeCloseTo(expected, 1);
  expect(reported(auc({ bins }), single, column(logits), column(labels))).toBeCloseTo(expected, 12);
});

test('auc of perfect, useless and upside-down predictions, and of one class alone', () => {
  const target: Tensor = { dtype: 'int32', shape: [4], data: Int32Array.of(0, 0, 1, 1) };
  const context: LossContext = { predictionShape: [1], targetShape: [], classes: 2 };
  const area = (...logits: readonly number[]) => reported(auc(), context, column(logits), target);
  expect(area(-1000, -1, 1, 1000)).toBe(1);
  expect(area(0, 0, 0, 0)).toBe(0.5);
  expect(area(2, 1, -1, -2)).toBe(0);
  const ones: Tensor = { ...target, data: Int32Array.of(1, 1, 1, 1) };
  expect(reported(auc(), context, column([1, 2, 3, 4]), ones)).toBeNaN();
});

test('refuse what they are not for', () => {
  const classes: LossContext = { predictionShape: [3], targetShape: [], classes: 3 };
  expect(() => auc().check?.(classes)).toThrow(/labels of 2 classes.*3 classes.*gives \[3\]/);
  expect(() => r2().check?.(classes)).toThrow(/r2 needs targets that are numbers/);
  expect(() => auc({ bins: 1 })).toThrow(expect.objectContaining({ code: 'metric.option' }));
  const half = { name: 'half', size: () => 2, perSample: r2().perSample };
  expect(() => defineMetric(half)).toThrow(/value is undefined; it must be a function/);
});
