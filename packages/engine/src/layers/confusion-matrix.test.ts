import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Tensor } from '../tensor.js';
import { evaluateGraph, floats } from '../testing/evaluate.js';
import { auc } from './auc.js';
import { f1, precision, recall, topKAccuracy } from './class-metrics.js';
import { classScores, confusionMatrix } from './confusion-matrix.js';
import type { AnyMetric, LossContext } from './types.js';

/** What tools/goldens/classification.py writes. */
interface ClassificationCase {
  readonly name: string;
  readonly classes: number;
  readonly scores: readonly (readonly number[])[];
  readonly y: readonly number[];
  readonly confusionMatrix: readonly (readonly number[])[];
  readonly byClass: readonly { precision: number; recall: number; f1: number; samples: number }[];
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly k: number;
  readonly topK: number;
}

const file = new URL('../../../../tools/goldens/data/classification.json', import.meta.url);
const {
  cases,
  area,
}: { cases: readonly ClassificationCase[]; area: { bins: number; logits: number[]; y: number[]; auc: number } } =
  JSON.parse(readFileSync(file, 'utf8'));

const labels = (y: readonly number[]): Tensor => ({ dtype: 'int32', shape: [y.length], data: Int32Array.from(y) });

/** The means over all samples of what a metric gives for each. */
function meansOf(metric: AnyMetric, context: LossContext, prediction: Tensor, y: readonly number[]): number[] {
  const { values } = evaluateGraph([prediction, labels(y)], (g, [given, target]) => {
    if (given === undefined || target === undefined) throw new Error('no inputs');
    return metric.perSample(g, given, target, context);
  });
  const size = values.length / y.length;
  const sums = new Array<number>(size).fill(0);
  for (const [at, value] of values.entries()) sums[at % size] = (sums[at % size] ?? 0) + value;
  return sums.map((sum) => sum / y.length);
}

describe.each(cases)('of $name, as scikit-learn', ({ classes, scores, y, byClass, k, ...expected }) => {
  const context: LossContext = { predictionShape: [classes], targetShape: [], classes };
  const prediction = floats([y.length, classes], scores.flat());
  const matrix = confusionMatrix();

  test('the confusion matrix, and what it says of each class', () => {
    expect(matrix.shape(context)).toEqual([classes, classes]);
    const cells = matrix.value(meansOf(matrix, context, prediction, y), y.length);
    expect(cells).toEqual(expected.confusionMatrix.flat());
    const scored = classScores(expected.confusionMatrix);
    for (const [label, own] of byClass.entries()) {
      for (const [name, value] of Object.entries(own))
        expect(Reflect.get(scored[label] ?? {}, name)).toBeCloseTo(value, 12);
    }
  });

  test('precision, recall, F1 and top-k', () => {
    for (const metric of [precision(), recall(), f1()]) {
      const value = metric.value?.(meansOf(metric, context, prediction, y));
      expect(value).toBeCloseTo(expected[metric.name], 12);
    }
    if (classes === 2) return;
    expect(meansOf(topKAccuracy(k), context, prediction, y)[0]).toBeCloseTo(expected.topK, 12);
  });
});

test('the area under the curve is that of scikit-learn where probabilities of a bin are equal', () => {
  const { bins, logits, y } = area;
  const metric = auc({ bins });
  const context: LossContext = { predictionShape: [1], targetShape: [], classes: 2 };
  const means = meansOf(metric, context, floats([y.length, 1], logits), y);
  expect(metric.value?.(means)).toBeCloseTo(area.auc, 12);
});

test('refuses what is no confusion matrix, and more classes than fit', () => {
  for (const wrong of [
    undefined,
    3,
    [],
    [[1, 2]],
    [[1], [2]],
    [
      [1, -1],
      [0, 1],
    ],
    [
      [1, '1'],
      [0, 1],
    ],
    [
      [1, Number.NaN],
      [0, 1],
    ],
  ]) {
    expect(() => classScores(wrong)).toThrow(expect.objectContaining({ code: 'metric.matrix' }));
  }
  const context = { predictionShape: [65], targetShape: [], classes: 65 };
  expect(() => confusionMatrix().check?.(context)).toThrow(/confusionMatrix takes at most 64 classes/);
});
