import { describe, expect, test } from 'vitest';
import type { Tensor } from '../tensor.js';
import { evaluateGraph, floats } from '../testing/evaluate.js';
import { f1, precision, recall, topKAccuracy } from './class-metrics.js';
import { huber } from './losses.js';
import { softmaxCrossEntropy } from './softmax-cross-entropy.js';
import type { LossContext, Metric } from './types.js';

const context = (classes: number): LossContext => ({ predictionShape: [classes], targetShape: [], classes });

/** Of predictions that put each sample into a class, and its label. */
function reported(
  metric: Metric,
  classes: number,
  pairs: readonly (readonly [predicted: number, label: number])[],
): number {
  const prediction = floats(
    [pairs.length, classes],
    pairs.flatMap(([predicted]) => Array.from({ length: classes }, (_, at) => (at === predicted ? 1 : 0))),
  );
  const target: Tensor = { dtype: 'int32', shape: [pairs.length], data: Int32Array.from(pairs, ([, label]) => label) };
  const about = context(classes);
  const { values } = evaluateGraph([prediction, target], (g, [x, y]) => metric.perSample(g, x!, y!, about));
  const size = metric.size?.(about) ?? 1;
  const means = Array.from({ length: size }, (_, column) => {
    const own = values.filter((_value, at) => at % size === column);
    return own.reduce((sum, value) => sum + value, 0) / pairs.length;
  });
  return metric.value?.(means) ?? means[0] ?? Number.NaN;
}

describe('precision, recall and f1', () => {
  // 2 right ones, 1 false alarm, 3 missed, 4 right zeros.
  const binary = [
    ...[1, 1].map((one) => [one, 1] as const),
    [1, 0] as const,
    ...[0, 0, 0].map((zero) => [zero, 1] as const),
    ...[0, 0, 0, 0].map((zero) => [zero, 0] as const),
  ];

  test('of two classes are those of class 1', () => {
    expect(reported(precision(), 2, binary)).toBeCloseTo(2 / 3, 6);
    expect(reported(recall(), 2, binary)).toBeCloseTo(2 / 5, 6);
    expect(reported(f1(), 2, binary)).toBeCloseTo(4 / 8, 6);
  });

  test('of more are means over those that occur; one that is never predicted has 0', () => {
    const pairs = [
      [0, 0],
      [0, 0],
      [0, 1],
      [2, 2],
      [2, 1],
    ] as const;
    expect(reported(precision(), 4, pairs)).toBeCloseTo((2 / 3 + 0 + 1 / 2) / 3, 6);
    expect(reported(recall(), 4, pairs)).toBeCloseTo((1 + 0 + 1) / 3, 6);
    expect(reported(f1(), 4, pairs)).toBeCloseTo((4 / 5 + 0 + 2 / 3) / 3, 6);
  });

  test('refuse more classes than a metric has numbers for', () => {
    expect(() => f1().check?.(context(65))).toThrow(/f1 takes at most 64 classes, and the data have 65/);
    expect(() => precision().check?.({ predictionShape: [1], targetShape: [1] })).toThrow(
      /precision counts class labels/,
    );
  });
});

test('topKAccuracy: fewer than k classes have a larger prediction than the label', () => {
  const prediction = floats([4, 3], [3, 2, 1, 1, 2, 3, 1, 1, 1, 2, 3, 2]);
  const target: Tensor = { dtype: 'int32', shape: [4], data: Int32Array.of(1, 0, 2, 1) };
  const metric = topKAccuracy(2);
  expect(metric.name).toBe('top2Accuracy');
  const { values } = evaluateGraph([prediction, target], (g, [x, y]) => metric.perSample(g, x!, y!, context(3)));
  expect(values).toEqual([1, 0, 1, 1]);
  expect(() => topKAccuracy(3).check?.(context(3))).toThrow(/k is 3, and there are 3 classes/);
  expect(() => topKAccuracy(0)).toThrow(/k is 0/);
});

test('huber is half the square near 0 and straight farther out', () => {
  const loss = huber(0.5);
  const about = { predictionShape: [2], targetShape: [2] };
  const inputs = [floats([2, 2], [0.25, -0.5, 3, 0]), floats([2, 2], [0, 0, 0, 2])];
  const { values } = evaluateGraph(inputs, (g, [x, y]) => loss.perSample(g, x!, y!, about));
  const straight = (size: number) => 0.5 * (size - 0.25);
  expect(values[0]).toBeCloseTo((0.5 * 0.0625 + 0.5 * 0.25) / 2, 6);
  expect(values[1]).toBeCloseTo((straight(3) + straight(2)) / 2, 6);
  expect(() => huber(0)).toThrow(/delta is 0/);
});

test('label smoothing shares a part of each label out over all classes', () => {
  const smooth = softmaxCrossEntropy({ labelSmoothing: 0.3 });
  const about = context(3);
  const logits = [1, 2, 0.5];
  const label: Tensor = { dtype: 'int32', shape: [1], data: Int32Array.of(1) };
  const { values } = evaluateGraph([floats([1, 3], logits), label], (g, [x, y]) =>
    smooth.perSample(g, x!, smooth.prepareTarget!(g, y!, about), about),
  );
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  const expected = logits.reduce((sum, logit, at) => sum - (0.1 + (at === 1 ? 0.7 : 0)) * (logit - total), 0);
  expect(values[0]).toBeCloseTo(expected, 6);
  expect(() => softmaxCrossEntropy({ labelSmoothing: 1 })).toThrow(/labelSmoothing is 1/);
  expect(() => softmaxCrossEntropy({ smoothing: 0.1 } as never)).toThrow(/no setting smoothing/);
});
